#include "daemon/spawn.h"

#include <errno.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * clone(2) and not clone3(2), which can do no more here: the latter is answered with ENOSYS under
 * RestrictNamespaces= (its flags lie in memory, where seccomp cannot look), in many containers,
 * and by valgrind.
 */
pid_t spawn(int exit_signal)
{
    unsigned long flags = (unsigned long)exit_signal;
#if defined(__s390__)
    long pid = syscall(SYS_clone, NULL, flags, NULL, NULL, NULL);
#else
    long pid = syscall(SYS_clone, flags, NULL, NULL, NULL, NULL);
#endif

    return pid < 0 ? -errno : (pid_t)pid;
}

bool spawn_bind(pid_t parent, int signal)
{
    return prctl(PR_SET_PDEATHSIG, signal) == 0 && getppid() == parent;
}
