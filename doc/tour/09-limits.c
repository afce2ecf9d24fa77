/* Limits: how many clients there are, and how long one may be silent. */
#include "settled.h"

#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/time.h>

#define MAX_CLIENTS 16

struct server {
    int listener;
    int signals; /* readable while one of ours is pending */
    pid_t pid;
    bool stopped;
    time_t idle; /* seconds */
    size_t clients;
};

/* Blocks the signals that the server handles. They stay pending until they are read. */
static int open_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        fail("signalfd");
    return fd;
}

/* A receive or send of CLIENT that takes longer fails with EAGAIN. */
static void limit_silence(int client, time_t seconds)
{
    struct timeval limit = {.tv_sec = seconds};

    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

/* In the worker, which gets SIGTERM when its server ends, however that came about. */
static void bind_to_server(const struct server *server)
{
    sigset_t set;

    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != server->pid) /* it has ended already */
        _exit(0);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* Serves CLIENT in a process of its own, the worker. */
static void start_worker(struct server *server, int client)
{
    pid_t pid = fork();

    if (pid < 0)
        pause_accepting("fork");
    if (pid > 0)
        server->clients++;
    if (pid != 0)
        return;
    bind_to_server(server);
    close(server->listener);
    close(server->signals);
    limit_silence(client, server->idle);
    serve(client);
    _exit(0);
}

/* Says why, if the socket has room for it: the server waits for no client. */
static void refuse(int client)
{
    const char *words = "too many clients\n";

    send(client, words, strlen(words), MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void take_client(struct server *server)
{
    int client = accept_client(server->listener);

    if (client < 0)
        return;
    if (server->clients < MAX_CLIENTS)
        start_worker(server, client);
    else
        refuse(client);
    close(client); /* the worker has it */
}

static void take_signals(struct server *server)
{
    struct signalfd_siginfo info;

    while (read(server->signals, &info, sizeof(info)) == sizeof(info))
        if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
            server->stopped = true;
    /* Signals that come together are merged: so this waits for all that have ended, not for one. */
    while (waitpid(-1, NULL, WNOHANG) > 0)
        server->clients--;
}

int main(int argc, char **argv)
{
    struct server server = {.listener = open_listener(argc > 1 ? argv[1] : "7777"),
                            .signals = open_signals(),
                            .pid = getpid(),
                            .idle = argc > 2 ? atoi(argv[2]) : 60};

    while (!server.stopped) {
        struct pollfd polled[] = {{.fd = server.signals, .events = POLLIN},
                                  {.fd = server.listener, .events = POLLIN}};
        if (poll(polled, 2, -1) < 0 && errno != EINTR)
            fail("poll");
        if (polled[0].revents)
            take_signals(&server);
        if (polled[1].revents)
            take_client(&server);
    }
    return 0;
}
