/*
 * The sandbox as workers have it: what they may do works, and each of many things that one would
 * try that was taken over ends it.
 */
#include "base/clock.h"
#include "config.h"

#include "forkserver/sandbox.h"

#include "forkserver/spawn.h"
#include "ipc/end.h"

#include "unit.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define NOBODY 65534
/* A worker that was not forked. */
#define COULD 7

#ifdef RELAXED_SANDBOX
#define RELAXED true
#else
#define RELAXED false
#endif

/* The slots; the worker has page 0. */
static struct {
    int memory;
    size_t page;
    struct slot *slot; /* the daemon's view */
    char *place;       /* where the worker's slot is mapped */
} slots;

static int group_setup(void **state)
{
    setenv("TZ", "UTC0", 1); /* as in a fork server, whose workers cannot read the time zone */
    tzset();
    slots.page = (size_t)sysconf(_SC_PAGESIZE);
    slots.memory = memfd_create("slots", MFD_CLOEXEC);
    if (ftruncate(slots.memory, (off_t)(2 * slots.page)) < 0)
        return -1;
    slots.slot = mmap(NULL, slots.page, PROT_READ | PROT_WRITE, MAP_SHARED, slots.memory, 0);
    slots.place = mmap(NULL, slots.page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return slots.slot == MAP_FAILED || slots.place == MAP_FAILED ? -1 : watchdog_setup(state);
}

#define needs_a_filter()                                                                           \
    do {                                                                                           \
        if (RELAXED)                                                                               \
            cannot_run("this build has no filter (--enable-relaxed-sandbox)");                     \
        if (is_watched())                                                                          \
            cannot_run("valgrind would not get through the filter");                               \
    } while (0)

static struct setup stay(void)
{
    return (struct setup){.uid = (uint32_t)-1, .gid = (uint32_t)-1};
}

/* In a child: enters the sandbox as a fork server and then as its worker, with the slot mapped. */
static void enter(void)
{
    const struct setup setup = stay();
    struct sandbox sandbox;

    sandbox_enter(&sandbox, &setup, slots.place);
    if (mmap(slots.place, slots.page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_POPULATE,
             slots.memory, 0) == MAP_FAILED)
        _exit(100);
    sandbox_close((struct slot *)(void *)slots.place, 1024);
}

/* Returns how a worker that runs ACT ends. */
static int end_of(void (*act)(void))
{
    *slots.slot = (struct slot){.error = 0};
    pid_t pid = fork();
    if (pid == 0) {
        enter();
        act();
        _exit(COULD);
    }
    return child_end(pid);
}

/* ---- forbidden ---- */

/* A system call that an attacker might try, harmless if it is permitted. */
static long arguments[][7] = {
    {SYS_openat, AT_FDCWD, (long)"/", O_RDONLY},
    {SYS_socket, AF_INET, SOCK_STREAM, 0},
    {SYS_connect, -1, 0, 0},
    {SYS_bind, -1, 0, 0},
    {SYS_listen, -1, 0},
    {SYS_accept4, -1, 0, 0, 0},
    {SYS_execve, 0, 0, 0},
    {SYS_execveat, -1, 0, 0, 0, 0},
    {SYS_kill, 0x7ffffffe, 0},
    {SYS_tkill, 0x7ffffffe, 0},
    {SYS_tgkill, 0x7ffffffe, 0x7ffffffe, 0},
    {SYS_rt_sigqueueinfo, 0x7ffffffe, 0, 0},
    {SYS_ptrace, PTRACE_TRACEME, 0, 0, 0},
    {SYS_process_vm_readv, 0x7ffffffe, 0, 0, 0, 0, 0},
    {SYS_process_vm_writev, 0x7ffffffe, 0, 0, 0, 0, 0},
    {SYS_mremap, 0, 0, 0, 0, 0},
    {SYS_remap_file_pages, 0, 0, 0, 0, 0},
    {SYS_mprotect, 0, 0, PROT_EXEC},
    {SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0},
    {SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE, -1, 0},
    {SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, -1, 0},
    {SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0},
    {SYS_mmap, 4096, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_POPULATE, -1, 0},
    {SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0},
    {SYS_prctl, PR_SET_PDEATHSIG, 0, 0, 0, 0},
    {SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0},
    {SYS_prctl, PR_SET_NAME, (long)"x", 0, 0, 0},
    {SYS_clone, SIGCHLD, 0, 0, 0, 0},
    {SYS_clone, CLONE_VM | CLONE_VFORK | SIGCHLD, 0, 0, 0, 0},
    {SYS_clone, (long)(SPAWN_FLAGS | CLONE_NEWUSER), 0, 0, 0, 0},
    {SYS_clone3, 0, 0},
    {SYS_unshare, 0},
    {SYS_prlimit64, 1, RLIMIT_NOFILE, 0, 0},
    {SYS_prlimit64, 0, RLIMIT_FSIZE, 0, 0},
    {SYS_ioctl, -1, 0x5412 /* TIOCSTI */, 0},
    {SYS_ioctl, -1, 0x8940, 0},
    {SYS_setsockopt, -1, SOL_SOCKET, SO_BINDTODEVICE, 0, 0},
    {SYS_setsockopt, -1, SOL_SOCKET, SO_LINGER, 0, 0},
    {SYS_setsockopt, -1, SOL_SOCKET, SO_PASSCRED, 0, 0},
    {SYS_futex, 0, 1 /* FUTEX_WAKE */, 0, 0, 0, 0},
    {SYS_rt_sigaction, SIGSYS, 0, 0, 8},
    {SYS_rt_sigaction, SIGTERM, 0, 0, 8},
    {SYS_madvise, 0, 0, 12 /* MADV_MERGEABLE */},
    {SYS_memfd_create, (long)"x", 0},
    {SYS_ftruncate, -1, 0},
    {SYS_fcntl, -1, 0, 0},
    {SYS_setuid, 0},
    {SYS_setresuid, -1, -1, -1},
    {SYS_chdir, (long)"/"},
    {SYS_unlinkat, -1, 0, 0},
    {SYS_io_uring_setup, 0, 0},
    {SYS_bpf, -1, 0, 0},
    {SYS_userfaultfd, 0},
    {SYS_seccomp, 0, 0, 0},
    {SYS_pidfd_open, 1, 0},
    {SYS_sysinfo, 0},
    {123456, 0},
};

static const long *tried;

static void make_the_call(void)
{
    const long *a = tried;

    syscall(a[0], a[1], a[2], a[3], a[4], a[5], a[6]);
}

static void test_calls_that_are_not_on_the_list(void **state)
{
    (void)state;
    needs_a_filter();
    for (size_t i = 0; i < ARRAY_SIZE(arguments); i++) {
        tried = arguments[i];
        int end = end_of(make_the_call);
        if (end != END_SANDBOX || slots.slot->call != tried[0])
            fail_msg("row %zu: call %ld ends with %d, of call %d", i, tried[0], end,
                     slots.slot->call);
    }
}

/* With the page of another worker, it could falsify that worker's record. */
static void map_another_slot(void)
{
    if (mmap(NULL, slots.page, PROT_READ | PROT_WRITE, MAP_SHARED, slots.memory,
             (off_t)slots.page) == MAP_FAILED)
        _exit(1);
}

static void map_beside_the_slot(void)
{
    if (mmap(slots.place + slots.page, slots.page, PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_FIXED | MAP_POPULATE, slots.memory, 0) == MAP_FAILED)
        _exit(1);
}

static void test_slots_of_others(void **state)
{
    (void)state;
    needs_a_filter();
    assert_int_equal(end_of(map_another_slot), END_SANDBOX);
    assert_int_equal(end_of(map_beside_the_slot), END_SANDBOX);
}

/* What libc does after stack smashing or heap corruption is recorded as a crash. */
static void test_abort(void **state)
{
    (void)state;
    needs_a_filter();
    int end = end_of(abort);
    assert_true(end == 1000 + SIGABRT || end == END_SANDBOX);
}

/* In the fork server there is no slot. */
static void test_call_of_the_fork_server(void **state)
{
    (void)state;
    needs_a_filter();
    pid_t pid = fork();
    if (pid == 0) {
        const struct setup setup = stay();
        struct sandbox sandbox;
        sandbox_enter(&sandbox, &setup, slots.place);
        syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0);
        _exit(0);
    }
    assert_int_equal(child_end(pid), SANDBOX_BROKEN);
}

/* ---- permitted ---- */

static int pair[2]; /* a connection of the worker with itself */

static void talk(void)
{
    char buf[8];

    if (send(pair[0], "x", 1, MSG_NOSIGNAL) != 1 || recv(pair[1], buf, sizeof(buf), 0) != 1 ||
        poll(&(struct pollfd){.fd = pair[1], .events = POLLIN}, 1, 0) != 0 ||
        shutdown(pair[0], SHUT_RDWR) < 0)
        _exit(1);
}

static void use_memory(void)
{
    char *much[64];

    for (size_t i = 0; i < ARRAY_SIZE(much); i++) {
        much[i] = malloc((size_t)1 << (i % 22));
        if (!much[i])
            _exit(1);
        memset(much[i], 1, (size_t)1 << (i % 22));
    }
    for (size_t i = 0; i < ARRAY_SIZE(much); i++)
        free(much[i]);
}

static void look_at_the_clock(void)
{
    struct timespec now;
    time_t t = time(NULL);
    struct tm tm;

    if (clock_now() == 0 || clock_gettime(CLOCK_REALTIME, &now) < 0 || !gmtime_r(&t, &tm))
        _exit(1);
}

static void write_to_the_slot(void)
{
    ((struct slot *)(void *)slots.place)->messages = 42;
}

static void bind_to_the_parent(void)
{
    if (!spawn_bind(getppid(), SIGTERM))
        _exit(1);
}

static void test_what_workers_do(void **state)
{
    (void)state;
    needs_a_filter();
    unix_pair(pair);
    assert_int_equal(end_of(talk), COULD);
    assert_int_equal(end_of(use_memory), COULD);
    assert_int_equal(end_of(look_at_the_clock), COULD);
    assert_int_equal(end_of(bind_to_the_parent), COULD);
    assert_int_equal(end_of(write_to_the_slot), COULD);
    assert_int_equal(slots.slot->messages, 42);
    close(pair[0]);
    close(pair[1]);
}

/* No child process, unless it is root, to which RLIMIT_NPROC does not apply (getrlimit(2)). */
static void spawn_one(void)
{
    int pid_written;

    if (spawn(&pid_written) != -EAGAIN)
        _exit(1);
}

static void become_nobody(void)
{
    if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setgid(NOBODY) < 0 || setuid(NOBODY) < 0))
        _exit(99);
}

static void test_no_process(void **state)
{
    (void)state;
    needs_a_filter();
    pid_t pid = fork();
    if (pid == 0) {
        become_nobody();
        enter();
        spawn_one();
        _exit(COULD);
    }
    assert_int_equal(child_end(pid), COULD);
}

/* ---- the result ---- */

/* Starts a process that enters the sandbox and waits to be killed. Its report is in SANDBOX. */
static pid_t start_entered(const struct setup *setup, struct sandbox *sandbox)
{
    struct sandbox *shared =
        mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int ready[2];
    char byte;

    unix_pair(ready);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* in case the test fails */
        sandbox_enter(shared, setup, slots.place);
        send(ready[1], "", 1, 0);
        for (;;)
            poll(NULL, 0, -1);
    }
    assert_int_equal(recv(ready[0], &byte, 1, 0), 1);
    close(ready[0]);
    close(ready[1]);
    *sandbox = *shared;
    munmap(shared, sizeof(*shared));
    return pid;
}

static void end_entered(pid_t pid)
{
    kill(pid, SIGKILL);
    assert_int_equal(child_end(pid), 1000 + SIGKILL);
}

/* Returns the line NAME of PID from /proc. */
static const char *status_of(pid_t pid, const char *file, const char *name)
{
    static char line[256];
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
    FILE *from = fopen(path, "re");
    assert_non_null(from);
    while (fgets(line, sizeof(line), from) && strncmp(line, name, strlen(name)) != 0)
        continue;
    fclose(from);
    line[strcspn(line, "\n")] = '\0';
    return line + strlen(name) + strspn(line + strlen(name), " \t:");
}

/* Who may access the memory of PID: only root if it is undumpable. */
static uid_t owner_of(pid_t pid)
{
    struct stat st;
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
    assert_int_equal(stat(path, &st), 0);
    return st.st_uid;
}

static void test_report(void **state)
{
    const struct setup setup = stay();
    struct sandbox sandbox;
    pid_t pid;

    (void)state;
    if (is_watched())
        cannot_run("valgrind would not get through the filter");
    pid = start_entered(&setup, &sandbox);
    assert_int_equal(sandbox.protection[PROTECTION_USER].error, getuid() == 0 ? EPERM : 0);
    assert_int_equal(sandbox.protection[PROTECTION_NO_NEW_PRIVILEGES].error, 0);
    assert_int_equal(sandbox.protection[PROTECTION_SECCOMP].error, RELAXED ? EOPNOTSUPP : 0);
    assert_int_equal(sandbox.protection[PROTECTION_LIMITS].error, 0);
    assert_int_equal(sandbox.protection[PROTECTION_UNDUMPABLE].error, 0);
    int error = sandbox.protection[PROTECTION_LANDLOCK].error;
    assert_true(error == 0 || error == ENOSYS || error == EOPNOTSUPP);
    assert_int_equal(sandbox.protection[PROTECTION_LANDLOCK].level > 0, error == 0);
    assert_string_equal(status_of(pid, "status", "NoNewPrivs"), "1");
    assert_string_equal(status_of(pid, "status", "Seccomp"), RELAXED ? "0" : "2");
    assert_int_equal(owner_of(pid), 0);
    end_entered(pid);
}

static void test_root_is_dropped(void **state)
{
    const struct setup setup = {.uid = NOBODY, .gid = NOBODY};
    struct sandbox sandbox;

    (void)state;
    if (getuid() != 0)
        cannot_run("only root can give it up");
    if (is_watched())
        cannot_run("valgrind would not get through the filter");
    pid_t pid = start_entered(&setup, &sandbox);
    assert_int_equal(sandbox.protection[PROTECTION_USER].error, 0);
    assert_string_equal(status_of(pid, "status", "Uid"), "65534\t65534\t65534\t65534");
    assert_string_equal(status_of(pid, "status", "Gid"), "65534\t65534\t65534\t65534");
    assert_string_equal(status_of(pid, "status", "Groups"), "");
    assert_string_equal(status_of(pid, "status", "CapEff"), "0000000000000000");
    assert_string_equal(status_of(pid, "status", "CapPrm"), "0000000000000000");
    assert_int_equal(owner_of(pid), 0);
    end_entered(pid);
}

/* With core_dumps = yes, this protection is reported as missing. */
static void test_core_dumps(void **state)
{
    struct setup setup = stay();
    struct sandbox sandbox;

    (void)state;
    if (is_watched())
        cannot_run("valgrind would not get through the filter");
    pid_t pid = start_entered(&setup, &sandbox);
    assert_non_null(strstr(status_of(pid, "limits", "Max core file size"), "0 "));
    end_entered(pid);
    setup.core_dumps = true;
    pid = start_entered(&setup, &sandbox);
    assert_int_equal(sandbox.protection[PROTECTION_UNDUMPABLE].error, ECANCELED);
    assert_int_equal(owner_of(pid), geteuid());
    end_entered(pid);
}

static void test_limits_of_a_worker(void **state)
{
    const struct setup setup = stay();
    struct sandbox sandbox;
    char byte;

    (void)state;
    if (is_watched())
        cannot_run("valgrind would not get through the filter");
    unix_pair(pair);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        sandbox_enter(&sandbox, &setup, slots.place);
        sandbox_close(slots.slot, 4);
        send(pair[1], "", 1, 0);
        for (;;)
            poll(NULL, 0, -1);
    }
    assert_int_equal(recv(pair[0], &byte, 1, 0), 1);
    assert_non_null(strstr(status_of(pid, "limits", "Max processes"), "0                    0 "));
    assert_non_null(strstr(status_of(pid, "limits", "Max open files"), "4                    4 "));
    end_entered(pid);
    close(pair[0]);
    close(pair[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls_that_are_not_on_the_list),
        cmocka_unit_test(test_slots_of_others),
        cmocka_unit_test(test_abort),
        cmocka_unit_test(test_call_of_the_fork_server),
        cmocka_unit_test(test_what_workers_do),
        cmocka_unit_test(test_no_process),
        cmocka_unit_test(test_report),
        cmocka_unit_test(test_root_is_dropped),
        cmocka_unit_test(test_core_dumps),
        cmocka_unit_test(test_limits_of_a_worker),
    };
    return cmocka_run_group_tests(tests, group_setup, NULL);
}
