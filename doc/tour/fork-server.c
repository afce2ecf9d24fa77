/* The fork server of stages 14 and 15. It enters the sandbox before its first client, and forks the
 * workers. */
#include "channel.h"

#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/* From now on, a system call that is not listed kills the process. Returns 0 or -errno. */
static int enter_sandbox(void)
{
    const int allowed[] = {SCMP_SYS(recvfrom), SCMP_SYS(sendto), SCMP_SYS(shutdown),
                           SCMP_SYS(rt_sigreturn), SCMP_SYS(exit_group),
                           /* needed by the fork server; its workers inherit them: */
                           SCMP_SYS(recvmsg), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(read),
                           SCMP_SYS(close), SCMP_SYS(close_range), SCMP_SYS(dup2), SCMP_SYS(dup3),
                           SCMP_SYS(clone), SCMP_SYS(wait4), SCMP_SYS(getppid), SCMP_SYS(prctl),
                           SCMP_SYS(prlimit64), SCMP_SYS(rt_sigprocmask), SCMP_SYS(set_robust_list),
                           SCMP_SYS(rseq)};
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    int r = filter ? 0 : -ENOMEM;

    for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]) && r == 0; i++)
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
    if (r == 0)
        r = seccomp_load(filter); /* also sets no_new_privs */
    seccomp_release(filter);
    return r;
}

/* Checks that the filter works: a process that opens a file in the sandbox must be killed. */
static void test_sandbox(void)
{
    int status;
    pid_t pid = fork();

    if (pid < 0)
        fail("fork");
    if (pid == 0)
        _exit(enter_sandbox() == 0 && open("/", O_RDONLY) >= 0 ? 1 : 2);
    waitpid(pid, &status, 0);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS) {
        fprintf(stderr, "the sandbox does not work\n");
        exit(1);
    }
}

static int stopping_socket;

/* After SHUT_RD, recv(2) returns what has already arrived, and then 0. So the worker answers all
 * that it was sent, and ends. */
static void on_sigterm(int signal_number)
{
    (void)signal_number;
    shutdown(stopping_socket, SHUT_RD);
}

/* In the child. Its only descriptor is the client, as number 0, it cannot fork, and it gets SIGTERM
 * when the fork server ends for any reason. Never returns. */
static void worker_main(int client, pid_t parent)
{
    const struct rlimit no_process = {0, 0};
    sigset_t set;

    dup2(client, 0);
    close_range(1, ~0u, 0);
    setrlimit(RLIMIT_NPROC, &no_process);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) /* the fork server has already ended */
        _exit(0);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_UNBLOCK, &set, NULL); /* stopping_socket is 0 */
    serve(0);
    _exit(0);
}

static void report(int channel, int status)
{
    send(channel, &status, sizeof(status), MSG_NOSIGNAL);
}

static void start_worker(int channel, int client, pid_t self)
{
    pid_t pid = fork();

    if (pid == 0)
        worker_main(client, self);
    if (pid < 0)
        report(channel, -errno);
    close(client);
}

static void reap(int channel, int signals)
{
    struct signalfd_siginfo info;
    int status;

    while (read(signals, &info, sizeof(info)) == sizeof(info))
        continue;
    while (waitpid(-1, &status, WNOHANG) > 0)
        report(channel, status);
}

/* The argument is the descriptor number of the channel. Exits when the daemon closes its end of the
 * channel, or dies. */
int main(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = on_sigterm};
    int client, channel = argc == 2 ? atoi(argv[1]) : -1;
    pid_t self = getpid();

    test_sandbox();
    int signals = open_signals((const int[]){SIGCHLD, SIGTERM, SIGINT, 0});
    sigaction(SIGTERM, &action, NULL);
    if (enter_sandbox() < 0)
        return 1;
    for (;;) {
        struct pollfd polled[] = {{.fd = signals, .events = POLLIN},
                                  {.fd = channel, .events = POLLIN}};
        if (poll(polled, 2, -1) < 0)
            return 1;
        if (polled[0].revents)
            reap(channel, signals);
        if (polled[1].revents && (client = receive_client(channel)) < 0)
            return 0;
        if (polled[1].revents)
            start_worker(channel, client, self);
    }
}
