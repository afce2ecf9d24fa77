/* Sends every byte: send(2) may accept only a part of what it is given. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static int open_listener(const char *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)atoi(port))};
    int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0);

    if (listener < 0)
        fail("socket");
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0)
        fail("bind");
    if (listen(listener, SOMAXCONN) < 0)
        fail("listen");
    return listener;
}

/* Returns 0, or -1 if the client is gone. */
static int send_all(int client, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = send(client, data, len, MSG_NOSIGNAL);
        if (n < 0)
            return -1;
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

static void serve(int client)
{
    static char buffer[64 * 1024];
    ssize_t n;

    while ((n = recv(client, buffer, sizeof(buffer), 0)) > 0)
        if (send_all(client, buffer, (size_t)n) < 0)
            return;
}

/* Forks a worker, the process that serves CLIENT. */
static void start_worker(int listener, int client)
{
    pid_t pid = fork();

    if (pid < 0)
        fail("fork");
    if (pid > 0)
        return;
    close(listener);
    serve(client);
    _exit(0);
}

int main(int argc, char **argv)
{
    int listener = open_listener(argc > 1 ? argv[1] : "7777");

    for (;;) {
        int client = accept(listener, NULL, NULL);
        if (client < 0)
            fail("accept");
        start_worker(listener, client);
        close(client); /* the worker has a copy */
    }
}
