#include "daemon/supervise/crash.h"

#include "base/clock.h"
#include "daemon/session/session_log.h"

#include <sys/wait.h>

void crash_follow(struct fork_servers *fs, struct log *log, uint32_t number, int status)
{
    bool fault = session_is_fault(status);

    if (!WIFSIGNALED(status) && !fault)
        return;
    if (fork_servers_renew(fs, fault ? number : 0, clock_now()))
        log_error(
            log,
            "too many workers of one fork server crashed; ending the others, because each crash "
            "can reveal part of their memory");
}
