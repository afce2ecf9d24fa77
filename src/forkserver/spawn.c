#include "forkserver/spawn.h"

#include <errno.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * clone(2), not clone3(2), which has no advantage here and fails with ENOSYS under
 * RestrictNamespaces= (seccomp cannot read its flags, which are in memory), in many containers, and
 * under valgrind.
 */
pid_t spawn(int *pid)
{
    unsigned long flags = SPAWN_FLAGS;
#if defined(__s390__)
    long r = syscall(SYS_clone, NULL, flags, pid, NULL, NULL);
#else
    long r = syscall(SYS_clone, flags, NULL, pid, NULL, NULL);
#endif

    return r < 0 ? -errno : (pid_t)r;
}

bool spawn_bind(pid_t parent, int signal)
{
    return prctl(PR_SET_PDEATHSIG, signal) == 0 && getppid() == parent;
}
