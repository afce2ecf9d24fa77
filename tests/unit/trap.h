/*
 * A descriptor whose last holder waits as it closes it: see base/passed_fds.h.
 */
#ifndef ECHOD_TESTS_TRAP_H
#define ECHOD_TESTS_TRAP_H

#include "base/fd.h"
#include "unit.h"

/* Longer than any test may take. */
#define TRAP_SECONDS 600

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83
#endif

struct trap {
    int pair[2]; /* a TCP connection: [0] is what waits */
};

static inline struct trap trap_make(void)
{
    static char block[65536];
    const struct linger linger = {.l_onoff = 1, .l_linger = TRAP_SECONDS};
    struct trap trap;

    tcp_pair(trap.pair);
    assert_int_equal(setsockopt(trap.pair[0], SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
    while (send(trap.pair[0], block, sizeof(block), MSG_DONTWAIT) > 0)
        ;
    return trap;
}

/* Passes it with the LEN bytes at BYTES over FD, whose peer becomes its only holder. Returns what
 * sendmsg(2) does. */
static inline ssize_t trap_pass_bytes(struct trap *trap, int fd, const void *bytes, size_t len)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    struct iovec data = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = len};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};

    *CMSG_FIRSTHDR(&message) = (struct cmsghdr){
        .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
    memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), &trap->pair[0], sizeof(int));
    ssize_t n = sendmsg(fd, &message, MSG_NOSIGNAL);
    if (n > 0)
        fd_close(&trap->pair[0]);
    return n;
}

static inline ssize_t trap_pass(struct trap *trap, int fd, const char *text)
{
    return trap_pass_bytes(trap, fd, text, strlen(text));
}

/* Lets FD take descriptors as an older kernel does. */
static inline void trap_permit(int fd)
{
    int on = 1;

    setsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &on, sizeof(on));
}

static inline void trap_remove(struct trap *trap)
{
    const struct linger at_once = {.l_onoff = 1};

    setsockopt(trap->pair[0], SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    fd_close(&trap->pair[0]);
    fd_close(&trap->pair[1]);
}

#endif
