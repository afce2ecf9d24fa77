#include "client/command/fd_limit.h"

#include "client/io/diag.h"

#include <errno.h>
#include <sys/resource.h>

/* Descriptors for everything else. */
#define OTHERS 16

int fd_limit_raise(uint64_t count)
{
    struct rlimit limit;
    rlim_t wanted = count + OTHERS;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted)
        return 0;
    limit.rlim_cur = wanted;
    if (limit.rlim_max >= wanted && setrlimit(RLIMIT_NOFILE, &limit) == 0)
        return 0;
    diag_say("cannot open as many connections: the hard limit of descriptors (ulimit -Hn) is %llu",
             (unsigned long long)limit.rlim_max);
    return -EMFILE;
}
