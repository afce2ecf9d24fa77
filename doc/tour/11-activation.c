/* A listener that outlives the server: systemd opens it and passes it on. */
#include "settled.h"

#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <systemd/sd-daemon.h>

#define MAX_CLIENTS 16

struct server {
    int listener;
    int signals; /* readable while one of ours is pending */
    pid_t pid;
    time_t idle; /* seconds */
    bool stopping;
    size_t clients;
    pid_t worker[MAX_CLIENTS]; /* of those, in any order */
};

/* The socket that was passed to us, or one of our own. */
static int get_listener(const char *port)
{
    int count = sd_listen_fds(1);

    if (count == 0)
        return open_listener(port);
    if (count != 1) {
        fprintf(stderr, "expected one socket, got %d\n", count);
        exit(1);
    }
    fcntl(SD_LISTEN_FDS_START, F_SETFL, O_NONBLOCK);
    return SD_LISTEN_FDS_START;
}

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

static int stopping_socket;

/* With its receiving side shut down, a socket gives what has come already, and then the end of the
 * stream: so the worker answers all that it was sent, and ends. */
static void on_sigterm(int signal_number)
{
    (void)signal_number;
    shutdown(stopping_socket, SHUT_RD);
}

static void end_by_sigterm(int client)
{
    struct sigaction action = {.sa_handler = on_sigterm};

    stopping_socket = client;
    sigaction(SIGTERM, &action, NULL);
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
        server->worker[server->clients++] = pid;
    if (pid != 0)
        return;
    end_by_sigterm(client);
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

/* The first time, nobody new is let in, and the clients may finish. The second time, they end. */
static void stop(struct server *server)
{
    if (!server->stopping)
        close(server->listener);
    else
        for (size_t i = 0; i < server->clients; i++)
            kill(server->worker[i], SIGTERM);
    server->listener = -1; /* which poll(2) passes over */
    server->stopping = true;
}

static void forget_worker(struct server *server, pid_t pid)
{
    for (size_t i = 0; i < server->clients; i++)
        if (server->worker[i] == pid) {
            server->worker[i] = server->worker[--server->clients];
            return;
        }
}

static void take_signals(struct server *server)
{
    struct signalfd_siginfo info;
    pid_t pid;

    while (read(server->signals, &info, sizeof(info)) == sizeof(info))
        if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
            stop(server);
    /* Signals that come together are merged: so this waits for all that have ended, not for one. */
    while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
        forget_worker(server, pid);
}

int main(int argc, char **argv)
{
    struct server server = {.listener = get_listener(argc > 1 ? argv[1] : "7777"),
                            .signals = open_signals(),
                            .pid = getpid(),
                            .idle = argc > 2 ? atoi(argv[2]) : 60};

    while (!server.stopping || server.clients > 0) {
        struct pollfd polled[] = {{.fd = server.signals, .events = POLLIN},
                                  {.fd = server.listener, .events = POLLIN}};
        if (poll(polled, 2, -1) < 0 && errno != EINTR)
            fail("poll");
        if (polled[0].revents)
            take_signals(&server);
        if (polled[1].revents && !server.stopping)
            take_client(&server);
    }
    return 0;
}
