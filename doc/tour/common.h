/*
 * Functions of stages 1 to 7 that no later stage changes, included from stage 8 on. Two things are
 * new: SOCK_CLOEXEC, so that a program that is executed does not inherit the sockets, and a
 * non-blocking listener.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static inline void fail(const char *what)
{
    perror(what);
    exit(1);
}

static inline int open_listener(const char *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)atoi(port))};
    int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (listener < 0)
        fail("socket");
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0)
        fail("bind");
    if (listen(listener, SOMAXCONN) < 0)
        fail("listen");
    return listener;
}

/* Without a pause, accept(2) would fail again at once, and the loop would use a whole CPU. */
static inline void pause_accepting(const char *what)
{
    perror(what);
    poll(NULL, 0, 250);
}

/* Returns a client, or -1 if none could be accepted. */
static inline int accept_client(int listener)
{
    int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

    if (client < 0 && errno != EINTR && errno != EAGAIN && errno != ECONNABORTED)
        pause_accepting("accept");
    return client;
}

/* Returns 0, or -1 if the client is gone. */
static inline int send_all(int client, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = send(client, data, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

static inline ssize_t receive(int client, char *buffer, size_t size)
{
    ssize_t n;

    do
        n = recv(client, buffer, size, 0);
    while (n < 0 && errno == EINTR);
    return n;
}

static inline void serve(int client)
{
    static char buffer[64 * 1024];
    ssize_t n;

    while ((n = receive(client, buffer, sizeof(buffer))) > 0)
        if (send_all(client, buffer, (size_t)n) < 0)
            return;
}
