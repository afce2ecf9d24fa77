#include "forkserver/sandbox.h"

#include "forkserver/filter.h"
#include "forkserver/landlock.h"
#include "ipc/end.h"

#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* For the SIGSYS handler: the slot of this worker; NULL in the fork server. */
static struct slot *violator;

/* A system call that is not on the list was refused. */
static void on_violation(int signal_number, siginfo_t *info, void *context)
{
    (void)signal_number;
    (void)context;
    if (violator)
        atomic_store(&violator->call, info->si_syscall);
    _exit(violator ? END_SANDBOX : SANDBOX_BROKEN);
}

static void handle_violations(void)
{
    struct sigaction action = {.sa_sigaction = on_violation, .sa_flags = SA_SIGINFO};

    sigemptyset(&action.sa_mask);
    sigaction(SIGSYS, &action, NULL);
}

/* Changes the user permanently if it is root, else does nothing. Returns 0 or -errno. */
static int leave_root(const struct setup *setup)
{
    if (setup->uid != (uint32_t)-1 &&
        (setgroups(0, NULL) < 0 || setresgid(setup->gid, setup->gid, setup->gid) < 0 ||
         setresuid(setup->uid, setup->uid, setup->uid) < 0))
        return -errno;
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* again, because the change of user clears it */
    return getuid() == 0 ? -EPERM : 0;
}

/* Unless a process is undumpable (prctl(2)), other processes of its user can access its memory and
 * descriptors. An undumpable process also writes no core file. */
static int set_dumpable(bool on)
{
    const struct rlimit none = {0, 0};

    if (!on && setrlimit(RLIMIT_CORE, &none) < 0)
        return -errno;
    return prctl(PR_SET_DUMPABLE, on) < 0 ? -errno : on ? -ECANCELED : 0;
}

static int forbid_new_privileges(void)
{
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

/* The result also shows whether a worker will be able to limit itself. */
static int limit_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return -errno;
    if (limit.rlim_max > SANDBOX_FDS)
        limit.rlim_max = SANDBOX_FDS;
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit) < 0 ? -errno : 0;
}

static void note(struct sandbox *sandbox, enum protection protection, int result)
{
    sandbox->protection[protection].error = result < 0 ? -result : 0;
    sandbox->protection[protection].level = result > 0 ? result : 0;
}

void sandbox_enter(struct sandbox *sandbox, const struct setup *setup, const void *slot_page)
{
    *sandbox = (struct sandbox){0};
    note(sandbox, PROTECTION_USER, leave_root(setup));
    note(sandbox, PROTECTION_UNDUMPABLE, set_dumpable(setup->core_dumps));
    note(sandbox, PROTECTION_NO_NEW_PRIVILEGES, forbid_new_privileges());
    note(sandbox, PROTECTION_LANDLOCK, landlock_forbid_all());
    note(sandbox, PROTECTION_LIMITS, limit_descriptors());
    handle_violations();
    note(sandbox, PROTECTION_SECCOMP, filter_load(slot_page));
}

void sandbox_close(struct slot *slot, size_t count)
{
    const struct rlimit no_process = {0, 0}, descriptors = {count, count};

    violator = slot;
    setrlimit(RLIMIT_NPROC, &no_process);
    setrlimit(RLIMIT_NOFILE, &descriptors);
}
