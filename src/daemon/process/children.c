#include "daemon/process/children.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

void children_adopt_orphans(void)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1);
}

pid_t children_take(int *status)
{
    pid_t pid = waitpid(-1, status, WNOHANG | __WALL);

    return pid > 0 ? pid : 0;
}

bool children_have(pid_t pid)
{
    siginfo_t info;

    return pid > 0 && waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0;
}

const char *child_end_format(int status, char *buf)
{
    const char *name = WIFSIGNALED(status) ? sigabbrev_np(WTERMSIG(status)) : NULL;

    if (WIFSIGNALED(status))
        snprintf(buf, CHILD_END_MAX, "was killed by signal %d (SIG%s)", WTERMSIG(status),
                 name ? name : "?");
    else
        snprintf(buf, CHILD_END_MAX, "exited with status %d", WEXITSTATUS(status));
    return buf;
}
