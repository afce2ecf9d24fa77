/*
 * What daemon and fork server share, from stage 14 on. The channel between them is a SOCK_SEQPACKET
 * socket pair: a message for each client one way, for the end of each worker the other.
 */
#include "settled.h"

#include <sys/signalfd.h>

/* Room for one descriptor, aligned as cmsg(3) wants it. */
union control {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
};

/* Returns 0, or -1 with errno. */
static inline int send_client(int channel, int client)
{
    union control control = {.header = {.cmsg_level = SOL_SOCKET,
                                        .cmsg_type = SCM_RIGHTS,
                                        .cmsg_len = CMSG_LEN(sizeof(int))}};
    char byte = 0; /* no message is empty */
    struct iovec part = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};

    memcpy(CMSG_DATA(&control.header), &client, sizeof(client));
    return sendmsg(channel, &message, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

/* Returns a client, or -1 if there will be no more. */
static inline int receive_client(int channel)
{
    union control control;
    char byte;
    struct iovec part = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    int client;

    if (recvmsg(channel, &message, MSG_CMSG_CLOEXEC) <= 0 || !CMSG_FIRSTHDR(&message))
        return -1;
    memcpy(&client, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(client));
    return client;
}

/* Blocks the signals of LIST, which ends with 0. They are read from the descriptor that it returns.
 */
static inline int open_signals(const int *list)
{
    sigset_t set;

    sigemptyset(&set);
    for (; *list; list++)
        sigaddset(&set, *list);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        fail("signalfd");
    return fd;
}
