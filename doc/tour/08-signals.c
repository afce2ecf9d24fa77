/* Reads signals from a descriptor: they interrupt no call, and none is missed. */
#include "common.h"

#include <sys/prctl.h>
#include <sys/signalfd.h>

struct server {
    int listener;
    int signals; /* a signalfd: readable while a signal is pending */
    pid_t pid;
    bool stopped;
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

/* In the worker. The kernel will send it SIGTERM when the server ends for any reason. */
static void end_with_server(const struct server *server)
{
    sigset_t set;

    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != server->pid) /* the server has already ended */
        _exit(0);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* Forks a worker, the process that serves CLIENT. */
static void start_worker(const struct server *server, int client)
{
    pid_t pid = fork();

    if (pid < 0)
        pause_accepting("fork");
    if (pid != 0)
        return;
    end_with_server(server);
    close(server->listener);
    close(server->signals);
    serve(client);
    _exit(0);
}

static void take_client(const struct server *server)
{
    int client = accept_client(server->listener);

    if (client < 0)
        return;
    start_worker(server, client);
    close(client); /* the worker has a copy */
}

static void take_signals(struct server *server)
{
    struct signalfd_siginfo info;

    while (read(server->signals, &info, sizeof(info)) == sizeof(info))
        if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
            server->stopped = true;
    /* One SIGCHLD may stand for several children, so this waits for all that have ended. */
    while (waitpid(-1, NULL, WNOHANG) > 0)
        continue;
}

int main(int argc, char **argv)
{
    struct server server = {.listener = open_listener(argc > 1 ? argv[1] : "7777"),
                            .signals = open_signals(),
                            .pid = getpid()};

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
