#include "daemon/supervise/protections.h"

#include "ipc/report.h"

#include <errno.h>
#include <string.h>

static void log_missing(struct log *log, unsigned protection, int error)
{
    if (error == ECANCELED)
        return; /* core_dumps requires that */
    if (protection == PROTECTION_SECCOMP && error == EOPNOTSUPP)
        log_warning(log, "this build is for tests: its workers have no system call filter "
                         "(--enable-relaxed-sandbox)");
    else
        log_warning(log, "workers run without a protection: %s: %s", protection_name(protection),
                    strerror(error));
}

void protections_log(const struct fork_servers *servers, struct log *log)
{
    for (unsigned i = 0; i < PROTECTION_COUNT; i++)
        if (servers->protection[i].error)
            log_missing(log, i, servers->protection[i].error);
}
