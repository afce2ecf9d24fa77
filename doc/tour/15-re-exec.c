/* An upgrade that disconnects nobody: the daemon executes the new program in its own place. */
#include "channel.h"

#include <limits.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <systemd/sd-daemon.h>

#define MAX_CLIENTS 16
#define STATE "TOUR_STATE" /* from one program to the next: "listener channel clients" */

struct daemon {
    int listener;
    int signals; /* readable while one of ours is pending */
    int channel; /* to the fork server: clients; from it: the statuses of workers that have ended */
    time_t idle; /* seconds */
    bool stopping;
    size_t clients;
    char program[PATH_MAX]; /* where the next one will be found */
    char **arguments;
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

/* The path of this program. */
static void find_self(char path[PATH_MAX])
{
    ssize_t len = readlink("/proc/self/exe", path, PATH_MAX - 1);

    if (len < 0)
        fail("/proc/self/exe");
    path[len] = '\0';
}

/* The path of the program NAME, which is where this one is. */
static void find_program(char path[PATH_MAX], const char *name)
{
    find_self(path);
    char *slash = strrchr(path, '/');
    snprintf(slash + 1, PATH_MAX - (size_t)(slash + 1 - path), "%s", name);
}

/* Executes the program fork-server, which is where this one is, with an empty environment. Returns
 * our end of the channel. */
static int start_fork_server(void)
{
    char path[PATH_MAX], number[16], *environment[] = {NULL};
    int ends[2];

    find_program(path, "fork-server");
    prctl(PR_SET_CHILD_SUBREAPER, 1); /* its workers become our children if it ends */
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        fail("socketpair");
    pid_t pid = fork();
    if (pid < 0)
        fail("fork");
    if (pid == 0) {
        fcntl(ends[1], F_SETFD, 0); /* this one it gets */
        snprintf(number, sizeof(number), "%d", ends[1]);
        execle(path, "fork-server", number, (char *)NULL, environment);
        fail("exec of fork-server");
    }
    close(ends[1]);
    return ends[0];
}

/* A receive or send of CLIENT that takes longer fails with EAGAIN. */
static void limit_silence(int client, time_t seconds)
{
    struct timeval limit = {.tv_sec = seconds};

    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

/* Says why, if the socket has room for it: the daemon waits for no client. */
static void refuse(int client)
{
    const char *words = "too many clients\n";

    send(client, words, strlen(words), MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void take_client(struct daemon *daemon)
{
    int client = accept_client(daemon->listener);

    if (client < 0)
        return;
    limit_silence(client, daemon->idle);
    if (daemon->clients < MAX_CLIENTS && send_client(daemon->channel, client) == 0)
        daemon->clients++;
    else
        refuse(client);
    close(client); /* the fork server has it */
}

static void take_report(struct daemon *daemon)
{
    int status;
    ssize_t n = recv(daemon->channel, &status, sizeof(status), MSG_DONTWAIT);

    if (n == sizeof(status))
        daemon->clients--;
    else if (n == 0 || errno != EAGAIN)
        fail("fork server");
}

/* Does nothing where no service manager listens. */
static void notify(const struct daemon *daemon)
{
    sd_notifyf(0, "%s=1\nSTATUS=%zu of %d clients", daemon->stopping ? "STOPPING" : "READY",
               daemon->clients, MAX_CLIENTS);
}

/* Without a channel the fork server ends; then its workers get SIGTERM, and are ours. */
static void end_workers(struct daemon *daemon)
{
    close(daemon->channel);
    daemon->channel = -1;
    while (wait(NULL) > 0 || errno == EINTR)
        continue;
    daemon->clients = 0;
}

/* The first time, nobody new is let in, and the clients may finish. The second time, they end. */
static void stop(struct daemon *daemon)
{
    if (!daemon->stopping)
        close(daemon->listener);
    else
        end_workers(daemon);
    daemon->listener = -1; /* which poll(2) passes over */
    daemon->stopping = true;
}

/* Whether the installed program starts here: there is no way back from an exec. */
static bool dry_run(const struct daemon *daemon)
{
    int status = -1;
    pid_t pid = fork();

    if (pid == 0) {
        execl(daemon->program, daemon->program, "--check", (char *)NULL);
        _exit(1);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static void keep_across_exec(const struct daemon *daemon, bool keep)
{
    fcntl(daemon->listener, F_SETFD, keep ? 0 : FD_CLOEXEC);
    fcntl(daemon->channel, F_SETFD, keep ? 0 : FD_CLOEXEC);
}

/* Executes the installed program. Returns only if that fails, with everything as it was. */
static void reload(const struct daemon *daemon)
{
    char state[64];

    if (daemon->stopping || !dry_run(daemon)) {
        fprintf(stderr, "reload refused: the installed program does not start\n");
        return;
    }
    snprintf(state, sizeof(state), "%d %d %zu", daemon->listener, daemon->channel, daemon->clients);
    setenv(STATE, state, 1);
    keep_across_exec(daemon, true);
    execv(daemon->program, daemon->arguments);
    perror("reload failed");
    keep_across_exec(daemon, false);
}

/* Takes over from the program before. Returns whether there was one. */
static bool resume(struct daemon *daemon)
{
    const char *state = getenv(STATE);
    int count =
        state ? sscanf(state, "%d %d %zu", &daemon->listener, &daemon->channel, &daemon->clients)
              : 0;

    unsetenv(STATE);
    if (count == 3)
        keep_across_exec(daemon, false);
    return count == 3;
}

static void take_signals(struct daemon *daemon)
{
    struct signalfd_siginfo info;

    while (read(daemon->signals, &info, sizeof(info)) == sizeof(info))
        if (info.ssi_signo == SIGHUP)
            reload(daemon);
        else
            stop(daemon);
}

static void run(struct daemon *daemon)
{
    while (!daemon->stopping || daemon->clients > 0) {
        struct pollfd polled[] = {{.fd = daemon->signals, .events = POLLIN},
                                  {.fd = daemon->channel, .events = POLLIN},
                                  {.fd = daemon->listener, .events = POLLIN}};
        notify(daemon);
        if (poll(polled, 3, -1) < 0 && errno != EINTR)
            fail("poll");
        if (polled[1].revents)
            take_report(daemon);
        if (polled[0].revents)
            take_signals(daemon);
        if (polled[2].revents && !daemon->stopping)
            take_client(daemon);
    }
    notify(daemon);
}

int main(int argc, char **argv)
{
    struct daemon daemon = {.idle = argc > 2 ? atoi(argv[2]) : 60, .arguments = argv};

    find_self(daemon.program);
    if (argc > 1 && strcmp(argv[1], "--check") == 0)
        return 0;
    daemon.signals = open_signals((const int[]){SIGTERM, SIGINT, SIGHUP, 0});
    if (!resume(&daemon)) {
        daemon.listener = get_listener(argc > 1 ? argv[1] : "7777");
        daemon.channel = start_fork_server();
    }
    run(&daemon);
    return 0;
}
