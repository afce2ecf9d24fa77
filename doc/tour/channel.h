/*
 * The protocol between daemon and fork server, from stage 14 on. The channel is a SOCK_SEQPACKET
 * socket pair. The daemon sends a message for each client, the fork server one for each worker that
 * has ended.
 */
#include "common.h"

#include <sys/signalfd.h>

/* Room for one descriptor, aligned as cmsg(3) requires. */
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
    char byte = 0; /* an empty message would look like the end */
    struct iovec part = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};

    memcpy(CMSG_DATA(&control.header), &client, sizeof(client));
    return sendmsg(channel, &message, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

/* Returns a client, or -1 if the daemon has closed the channel or receiving failed. */
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

/* Blocks the signals in LIST, which ends with 0. Returns the descriptor to read them from. */
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
