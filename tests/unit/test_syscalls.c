/*
 * The list of system calls: what is on it is what was meant, on every architecture, and nothing
 * that a worker that was taken over could do harm with.
 */
#include "base/macros.h"
#include "forkserver/syscalls.h"

#include "forkserver/spawn.h"

#include "unit.h"

#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#define ALL UINT64_C(0xffffffffffffffff)
#define INT UINT64_C(0xffffffff)

static const struct {
    const char *name;
    uint32_t token;
} architectures[] = {
    {"x86_64", SCMP_ARCH_X86_64}, {"aarch64", SCMP_ARCH_AARCH64}, {"ppc64el", SCMP_ARCH_PPC64LE},
    {"s390x", SCMP_ARCH_S390X},   {"riscv64", SCMP_ARCH_RISCV64},
};

/* Those that newer architectures do not have: their libc makes do with others on the list. */
static const char *const missing_somewhere[] = {"poll", "time"};

static bool may_be_missing(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(missing_somewhere); i++)
        if (strcmp(missing_somewhere[i], name) == 0)
            return true;
    return false;
}

static bool is_on_the_list(const char *name)
{
    for (size_t i = 0; i < syscall_count; i++)
        if (strcmp(syscall_table[i].name, name) == 0)
            return true;
    return false;
}

/* Whether ARCHITECTURE has it, be it as a kind of socketcall(2): those are negative for libseccomp,
 * as those are that there are elsewhere only, but much closer to 0. */
static bool is_known(uint32_t architecture, const char *name)
{
    int number = seccomp_syscall_resolve_name_arch(architecture, name);

    return number >= 0 || (number <= -100 && number > -200);
}

static void test_every_name_is_known(void **state)
{
    (void)state;
    for (size_t i = 0; i < syscall_count; i++) {
        const char *name = syscall_table[i].name;
        assert_int_not_equal(seccomp_syscall_resolve_name(name), __NR_SCMP_ERROR);
        for (size_t a = 0; a < ARRAY_SIZE(architectures); a++)
            if (!is_known(architectures[a].token, name) && !may_be_missing(name))
                fail_msg("%s is not known on %s", name, architectures[a].name);
        assert_true(strlen(syscall_table[i].why) > 0);
    }
}

/* A call with checks that is there without any, too, would be let through by that. */
static void test_rows_of_one_name_all_have_checks(void **state)
{
    (void)state;
    for (size_t a = 0; a < syscall_count; a++)
        for (size_t b = 0; b < a; b++)
            if (strcmp(syscall_table[a].name, syscall_table[b].name) == 0 &&
                (syscall_table[a].checks == 0 || syscall_table[b].checks == 0))
                fail_msg("%s is there twice, once without a check", syscall_table[a].name);
}

static void test_checks_can_hold(void **state)
{
    (void)state;
    for (size_t i = 0; i < syscall_count; i++) {
        const struct syscall_row *row = &syscall_table[i];
        assert_true(row->checks <= SYSCALL_CHECKS);
        for (size_t c = 0; c < row->checks; c++) {
            assert_true(row->check[c].argument < 6);
            assert_int_not_equal(row->check[c].mask, 0);
            /* Bits beyond the mask are never found. */
            assert_true((row->check[c].value & ~row->check[c].mask) == 0);
            for (size_t d = 0; d < c; d++) /* libseccomp takes one for each */
                assert_int_not_equal(row->check[c].argument, row->check[d].argument);
        }
        for (size_t c = row->checks; c < SYSCALL_CHECKS; c++)
            assert_int_equal(row->check[c].mask, 0); /* it was counted */
    }
}

/* ---- what is not on it ---- */

/* Not with checks either: there is no harmless way to make these. */
static void test_nothing_dangerous(void **state)
{
    static const char *const dangerous[] = {
        /* files */
        "open",
        "openat",
        "openat2",
        "creat",
        "unlink",
        "unlinkat",
        "rename",
        "renameat",
        "renameat2",
        "mkdir",
        "mkdirat",
        "rmdir",
        "link",
        "linkat",
        "symlink",
        "symlinkat",
        "mknod",
        "mknodat",
        "chmod",
        "fchmod",
        "fchmodat",
        "fchmodat2",
        "chown",
        "fchown",
        "fchownat",
        "lchown",
        "truncate",
        "ftruncate",
        "fallocate",
        "mount",
        "umount2",
        "chroot",
        "pivot_root",
        "chdir",
        "fchdir",
        "open_by_handle_at",
        "name_to_handle_at",
        "memfd_create",
        "memfd_secret",
        "pwrite64",
        "pwritev",
        "pwritev2",
        "sendfile",
        "splice",
        "tee",
        "vmsplice",
        "copy_file_range",
        "fcntl",
        "flock",
        "getdents64",
        "readlink",
        "readlinkat",
        "stat",
        "newfstatat",
        "statx",
        "access",
        "faccessat",
        "faccessat2",
        "utimensat",
        "setxattr",
        "fsopen",
        "move_mount",
        "open_tree",
        /* sockets of its own, and others' */
        "socket",
        "socketpair",
        "socketcall",
        "connect",
        "bind",
        "listen",
        "accept",
        "accept4",
        "pidfd_getfd",
        "pidfd_open",
        "epoll_create1",
        "epoll_ctl",
        "epoll_wait",
        "io_uring_setup",
        "io_uring_enter",
        "io_uring_register",
        "io_setup",
        "io_submit",
        "signalfd4",
        "eventfd2",
        "timerfd_create",
        "inotify_init1",
        "fanotify_init",
        "userfaultfd",
        "perf_event_open",
        "bpf",
        /* programs and processes */
        "execve",
        "execveat",
        "fork",
        "vfork",
        "clone3",
        "kill",
        "tkill",
        "tgkill",
        "pidfd_send_signal",
        "rt_sigqueueinfo",
        "rt_tgsigqueueinfo",
        "ptrace",
        "process_vm_readv",
        "process_vm_writev",
        "process_madvise",
        "kcmp",
        "setpriority",
        "sched_setaffinity",
        "sched_setscheduler",
        "sched_setattr",
        "ioprio_set",
        "setpgid",
        "setsid",
        "unshare",
        "setns",
        "waitid",
        "seccomp",
        "landlock_create_ruleset",
        "landlock_restrict_self",
        "personality",
        "setrlimit",
        /* users */
        "setuid",
        "setgid",
        "setreuid",
        "setregid",
        "setresuid",
        "setresgid",
        "setgroups",
        "setfsuid",
        "setfsgid",
        "capset",
        "keyctl",
        "add_key",
        "request_key",
        /* memory: others' slots, and code */
        "mremap",
        "remap_file_pages",
        "mprotect",
        "pkey_mprotect",
        "shmget",
        "shmat",
        "mlock",
        "mlockall",
        "msync",
        "mbind",
        "move_pages",
        "modify_ldt",
        "arch_prctl",
        "set_thread_area",
        "mq_open",
        "msgget",
        "semget",
        /* the system */
        "reboot",
        "init_module",
        "finit_module",
        "delete_module",
        "kexec_load",
        "swapon",
        "sethostname",
        "settimeofday",
        "clock_settime",
        "adjtimex",
        "syslog",
        "acct",
        "quotactl",
        "iopl",
        "ioperm",
        "vhangup",
        "sysfs",
        "_sysctl",
        "nfsservctl",
        "lookup_dcookie",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(dangerous); i++)
        if (is_on_the_list(dangerous[i]))
            fail_msg("%s is on the list", dangerous[i]);
}

/* ---- what is on it only with certain arguments ---- */

/* Whether every row of NAME lets through only those calls that have VALUE in the bits MASK of
 * ARGUMENT; there is one at least. */
static bool is_bound(const char *name, unsigned argument, uint64_t mask, uint64_t value)
{
    bool there = false;

    for (size_t i = 0; i < syscall_count; i++) {
        const struct syscall_row *row = &syscall_table[i];
        bool bound = false;
        if (strcmp(row->name, name) != 0)
            continue;
        there = true;
        for (size_t c = 0; c < row->checks; c++)
            bound = bound ||
                    (row->check[c].argument == argument && (row->check[c].mask & mask) == mask &&
                     (row->check[c].value & mask) == value);
        if (!bound)
            return false;
    }
    return there;
}

static void test_prctl_only_binds_to_the_parent(void **state)
{
    (void)state;
    assert_true(is_bound("prctl", 0, INT, PR_SET_PDEATHSIG));
    assert_true(is_bound("prctl", 1, INT, SIGTERM)); /* not 0: it would outlive it */
}

/* Neither threads nor namespaces, and the parent gets SIGCHLD. */
static void test_clone_only_forks(void **state)
{
    (void)state;
#if defined(__s390__)
    assert_true(is_bound("clone", 1, ALL, SPAWN_FLAGS));
#else
    assert_true(is_bound("clone", 0, ALL, SPAWN_FLAGS));
#endif
}

static void test_limits_only_of_itself(void **state)
{
    (void)state;
    assert_true(is_bound("prlimit64", 0, INT, 0));
}

static void test_no_memory_that_can_be_executed(void **state)
{
    (void)state;
    assert_true(is_bound("mmap", 2, PROT_EXEC, 0));
}

/* A file may be mapped in one place; everything else is memory of its own. */
static void test_files_are_mapped_in_one_place(void **state)
{
    size_t rows = 0;

    (void)state;
    for (size_t i = 0; i < syscall_count; i++) {
        const struct syscall_row *row = &syscall_table[i];
        bool slot = false, own = false;
        if (strcmp(row->name, "mmap") != 0)
            continue;
        for (size_t c = 0; c < row->checks; c++) {
            const struct syscall_check *check = &row->check[c];
            slot = slot || (check->argument == 0 && check->mask == ALL &&
                            check->value == SYSCALL_SLOT_ADDRESS);
            own = own || (check->argument == 3 && (check->mask & MAP_ANONYMOUS) &&
                          (check->mask & MAP_SHARED) && check->value == MAP_ANONYMOUS);
        }
        assert_true(slot != own);
        rows++;
    }
    assert_int_equal(rows, 2);
}

static void test_others_that_are_bound(void **state)
{
    static const char *const bound[] = {"setsockopt", "ioctl", "futex", "rt_sigaction", "madvise"};

    (void)state;
    for (size_t b = 0; b < ARRAY_SIZE(bound); b++) {
        assert_true(is_on_the_list(bound[b]));
        for (size_t i = 0; i < syscall_count; i++)
            if (strcmp(syscall_table[i].name, bound[b]) == 0)
                assert_true(syscall_table[i].checks > 0);
    }
    assert_true(is_bound("rt_sigaction", 0, INT, SIGALRM));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_name_is_known),
        cmocka_unit_test(test_rows_of_one_name_all_have_checks),
        cmocka_unit_test(test_checks_can_hold),
        cmocka_unit_test(test_nothing_dangerous),
        cmocka_unit_test(test_prctl_only_binds_to_the_parent),
        cmocka_unit_test(test_clone_only_forks),
        cmocka_unit_test(test_limits_only_of_itself),
        cmocka_unit_test(test_no_memory_that_can_be_executed),
        cmocka_unit_test(test_files_are_mapped_in_one_place),
        cmocka_unit_test(test_others_that_are_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
