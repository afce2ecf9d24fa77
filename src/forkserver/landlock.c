#include "forkserver/landlock.h"

#include "base/fd.h"
#include "base/macros.h"

#include <errno.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The headers of Debian 12 lack newer constants. The numbers of these calls are the same on every
 * architecture. */
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_restrict_self 446
#endif
#define CREATE_RULESET_VERSION 1u

/* struct landlock_ruleset_attr of the kernel: a member for each kind of access right. */
struct rights {
    uint64_t fs;
    uint64_t net;
    uint64_t scoped;
};

/* The scope of abstract Unix sockets is not used: only datagram workers have a socket that could
 * reach one, and they must reply to senders that are bound to one. */
#define SCOPE_SIGNALS 2

/* The access rights that each ABI version knows, one bit for each. */
static struct rights rights_of(int abi)
{
    static const unsigned fs_bits[] = {0, 13, 14, 15, 15, 16};
    size_t last = ARRAY_SIZE(fs_bits) - 1;
    unsigned fs = fs_bits[(size_t)abi < last ? (size_t)abi : last];

    return (struct rights){.fs = (UINT64_C(1) << fs) - 1,
                           .net = abi >= 4 ? 3 : 0, /* TCP bind and connect */
                           .scoped = abi >= 6 ? SCOPE_SIGNALS : 0};
}

static size_t rights_size(int abi)
{
    return abi >= 6   ? sizeof(struct rights)
           : abi >= 4 ? offsetof(struct rights, scoped)
                      : offsetof(struct rights, net);
}

int landlock_forbid_all(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);

    if (abi < 0)
        return -errno;
    struct rights rights = rights_of((int)abi);
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &rights, rights_size((int)abi), 0u);
    int r = ruleset < 0 || syscall(SYS_landlock_restrict_self, ruleset, 0u) < 0 ? -errno : (int)abi;

    fd_close(&ruleset);
    return r;
}
