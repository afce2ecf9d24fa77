/*
 * The event-driven design: one process and one thread for all clients, TCP and UDP.
 *
 *   epoll PORT   on 127.0.0.1
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER = 65536, EVENTS = 256 };

/* A client, with echo that it has not accepted yet. Until it has, nothing is received from it. */
struct client {
    int fd;
    size_t sent, size;
    char *data; /* NULL: nothing is pending */
};

static char buffer[BUFFER];

static int open_socket(int type, int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((unsigned short)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        (type == SOCK_STREAM && listen(fd, 4096) < 0))
        exit(1);
    return fd;
}

static void watch(int poller, int operation, struct client *client, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = client};

    if (epoll_ctl(poller, operation, client->fd, &event) < 0)
        exit(1);
}

static void accept_all(int poller, int listener)
{
    int fd;

    while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
        struct client *client = calloc(1, sizeof(*client));
        if (!client)
            exit(1);
        client->fd = fd;
        watch(poller, EPOLL_CTL_ADD, client, EPOLLIN);
    }
}

static void end(struct client *client)
{
    close(client->fd);
    free(client->data);
    free(client);
}

static void keep_rest(int poller, struct client *client, const char *data, size_t size)
{
    client->data = malloc(size);
    if (!client->data)
        exit(1);
    memcpy(client->data, data, size);
    client->size = size;
    client->sent = 0;
    watch(poller, EPOLL_CTL_MOD, client, EPOLLOUT);
}

static void echo(int poller, struct client *client)
{
    ssize_t size = recv(client->fd, buffer, sizeof(buffer), 0);

    if (size <= 0) {
        end(client);
        return;
    }
    ssize_t sent = send(client->fd, buffer, (size_t)size, MSG_NOSIGNAL);
    if (sent < 0)
        sent = 0; /* the next call will find the error, too */
    if (sent < size)
        keep_rest(poller, client, buffer + sent, (size_t)(size - sent));
}

static void send_rest(int poller, struct client *client)
{
    ssize_t sent =
        send(client->fd, client->data + client->sent, client->size - client->sent, MSG_NOSIGNAL);

    if (sent < 0) {
        end(client);
        return;
    }
    client->sent += (size_t)sent;
    if (client->sent < client->size)
        return;
    free(client->data);
    client->data = NULL;
    watch(poller, EPOLL_CTL_MOD, client, EPOLLIN);
}

static void echo_datagrams(int fd)
{
    struct sockaddr_in peer;
    socklen_t length = sizeof(peer);
    ssize_t size;

    while ((size = recvfrom(fd, buffer, sizeof(buffer), 0, (struct sockaddr *)&peer, &length)) >= 0)
        (void)sendto(fd, buffer, (size_t)size, 0, (struct sockaddr *)&peer, length);
}

static void handle(int poller, struct client *source, const struct client *listener,
                   const struct client *datagrams)
{
    if (source == listener)
        accept_all(poller, listener->fd);
    else if (source == datagrams)
        echo_datagrams(datagrams->fd);
    else if (source->data)
        send_rest(poller, source);
    else
        echo(poller, source);
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS];
    struct client listener = {0}, datagrams = {0};
    struct rlimit files;
    int poller = epoll_create1(EPOLL_CLOEXEC);

    if (argc != 2 || poller < 0 || getrlimit(RLIMIT_NOFILE, &files) < 0)
        return 64;
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    listener.fd = open_socket(SOCK_STREAM, atoi(argv[1]));
    datagrams.fd = open_socket(SOCK_DGRAM, atoi(argv[1]));
    watch(poller, EPOLL_CTL_ADD, &listener, EPOLLIN);
    watch(poller, EPOLL_CTL_ADD, &datagrams, EPOLLIN);
    for (;;) {
        int count = epoll_wait(poller, events, EVENTS, -1);
        for (int i = 0; i < count; i++)
            handle(poller, events[i].data.ptr, &listener, &datagrams);
    }
}
