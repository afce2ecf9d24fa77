/* Takes its listener from systemd, which keeps it open during a restart. */
#include "common.h"

#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <systemd/sd-daemon.h>

#define MAX_CLIENTS 16

struct server {
    int listener;
    int signals; /* a signalfd: readable while a signal is pending */
    pid_t pid;
    time_t idle; /* seconds */
    bool stopping;
    size_t clients;
    pid_t worker[MAX_CLIENTS]; /* one for each client, in any order */
};

/* Returns the socket that systemd has passed, or else a new one. */
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

/* A recv(2) or send(2) on CLIENT that waits longer than this fails with EAGAIN. */
static void set_timeouts(int client, time_t seconds)
{
    struct timeval limit = {.tv_sec = seconds};

    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

static int stopping_socket;

/* After SHUT_RD, recv(2) returns what has already arrived, and then 0. So the worker answers all
 * that it was sent, and ends. */
static void on_sigterm(int signal_number)
{
    (void)signal_number;
    shutdown(stopping_socket, SHUT_RD);
}

static void handle_sigterm(int client)
{
    struct sigaction action = {.sa_handler = on_sigterm};

    stopping_socket = client;
    sigaction(SIGTERM, &action, NULL);
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
static void start_worker(struct server *server, int client)
{
    pid_t pid = fork();

    if (pid < 0)
        pause_accepting("fork");
    if (pid > 0)
        server->worker[server->clients++] = pid;
    if (pid != 0)
        return;
    handle_sigterm(client);
    end_with_server(server);
    close(server->listener);
    close(server->signals);
    set_timeouts(client, server->idle);
    serve(client);
    _exit(0);
}

/* Sends the reason, unless the socket is full: the server never waits for a client. */
static void refuse(int client)
{
    const char *reason = "too many clients\n";

    send(client, reason, strlen(reason), MSG_DONTWAIT | MSG_NOSIGNAL);
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
    close(client); /* the worker has a copy */
}

/* The first call ends accepting and lets the clients finish. The second one ends the clients. */
static void stop(struct server *server)
{
    if (!server->stopping)
        close(server->listener);
    else
        for (size_t i = 0; i < server->clients; i++)
            kill(server->worker[i], SIGTERM);
    server->listener = -1; /* poll(2) ignores it */
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
    /* One SIGCHLD may stand for several children, so this waits for all that have ended. */
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
