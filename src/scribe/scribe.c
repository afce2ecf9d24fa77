#include "scribe/scribe.h"

#include "base/record.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The largest message, escaped, and its fields. */
#define LARGEST (5 * 65536)
/* Room for records while the sink is slow; the kernel grants what it can. */
#define QUEUE_BYTES (1024 * 1024)

static int make_queue(int *in, int *out)
{
    int pair[2], bytes = QUEUE_BYTES, on = 1;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    *in = pair[0];
    *out = pair[1];
    setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    return setsockopt(pair[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0 ? -errno : 0;
}

int scribe_open(struct scribe *scribe, enum sink sink)
{
    *scribe = (struct scribe)SCRIBE_CLOSED;
    scribe->sink = sink;
    int r = make_queue(&scribe->records_in, &scribe->records_out);
    if (r == 0)
        r = make_queue(&scribe->messages_in, &scribe->messages_out);
    return r;
}

void scribe_close(struct scribe *scribe)
{
    fd_close(&scribe->records_in);
    fd_close(&scribe->messages_in);
    fd_close(&scribe->records_out);
    fd_close(&scribe->messages_out);
}

/* A record as it came from a queue, and what the kernel says of its sender. */
struct letter {
    char *data;
    size_t len;
    int answer; /* where the sender waits for the status; -1: it does not */
    pid_t sender;
};

/* Keeps the first of the descriptors that came with a letter; a hostile sender may add more. */
static void take_rights(struct letter *letter, const struct cmsghdr *c)
{
    size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

    for (size_t i = 0; i < count; i++) {
        int fd;
        memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
        if (letter->answer < 0)
            letter->answer = fd;
        else
            close(fd);
    }
}

static void read_control(struct letter *letter, struct msghdr *message)
{
    struct ucred credentials;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
            take_rights(letter, c);
        } else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS) {
            memcpy(&credentials, CMSG_DATA(c), sizeof(credentials));
            letter->sender = credentials.pid;
        }
    }
}

/* Returns 1 for a letter, 0 where no sender is left, -errno. */
static int receive(int queue, struct letter *letter)
{
    static char buf[LARGEST];
    union {
        char bytes[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
        struct cmsghdr align;
    } control;
    struct iovec data = {.iov_base = buf, .iov_len = sizeof(buf)};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    ssize_t n = recvmsg(queue, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

    if (n < 0)
        return -errno;
    if (message.msg_controllen == 0)
        return 0; /* even an empty letter has a sender: this is the end */
    *letter = (struct letter){.data = buf, .len = (size_t)n, .answer = -1};
    read_control(letter, &message);
    return 1;
}

/* The fields that a worker may set: it has handled a client's bytes and is not trusted. */
static bool worker_may_set(const char *field)
{
    return strncmp(field, "MESSAGE=", 8) == 0 || strncmp(field, "PRIORITY=", 9) == 0 ||
           (strncmp(field, "ECHOD_", 6) == 0 && strncmp(field, "ECHOD_PID=", 10) != 0 &&
            strncmp(field, "ECHOD_EVENT=", 12) != 0);
}

/* Keeps the allowed fields of LETTER, and adds who sent it as the kernel knows it. */
static void vet(struct letter *letter)
{
    static char vetted[LARGEST + 256];
    struct record kept = {.data = vetted, .size = sizeof(vetted)};

    /* First what is certain: the sink has room for so many fields, and no more. */
    record_event(&kept, EVENT_MESSAGE);
    record_add(&kept, "ECHOD_PID", "%d", (int)letter->sender);
    for (const char *f = NULL; (f = record_next(letter->data, letter->len, f)) != NULL;)
        if (worker_may_set(f))
            record_add_field(&kept, f);
    letter->data = vetted;
    letter->len = kept.used;
}

/* Nothing that a worker passes may make the scribe wait: not a pipe that is full, either. */
static void answer(struct letter *letter, int r)
{
    unsigned char status = (unsigned char)-r;

    if (letter->answer < 0 || fd_set_nonblocking(letter->answer, true) < 0 ||
        write(letter->answer, &status, 1) < 0)
        errno = 0; /* it waits no longer, and asks again if it still wants to know */
    fd_close(&letter->answer);
}

/* Handles what is queued on *QUEUE; a queue without senders becomes -1. */
static void serve(const struct scribe *scribe, int *queue, bool from_worker)
{
    struct letter letter;
    int r = receive(*queue, &letter);

    if (r == 0)
        *queue = -1;
    if (r <= 0)
        return;
    if (from_worker)
        vet(&letter);
    answer(&letter, sink_write(scribe->sink, letter.data, letter.len));
}

_Noreturn void scribe_run(const struct scribe *scribe)
{
    struct pollfd queues[] = {
        {.fd = scribe->records_in, .events = POLLIN},
        {.fd = scribe->messages_in, .events = POLLIN},
    };

    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    while (queues[0].fd >= 0 || queues[1].fd >= 0) {
        if (poll(queues, ARRAY_SIZE(queues), -1) < 0)
            continue;
        if (queues[0].revents)
            serve(scribe, &queues[0].fd, false);
        if (queues[1].revents)
            serve(scribe, &queues[1].fd, true);
    }
    sink_settle(scribe->sink);
    _exit(0);
}
