#include "scribe/store_requests.h"

#include "base/rights.h"
#include "base/util.h"
#include "ipc/channel.h"
#include "ipc/store.h"
#include "scribe/vet.h"

#include <errno.h>
#include <sys/epoll.h>

int store_requests_accept(int channel, int epoll)
{
    int fds[CHANNEL_FDS];
    size_t count;
    char byte;
    ssize_t n = channel_receive(channel, &byte, sizeof(byte), fds, &count);

    if (n <= 0)
        return (int)n;
    for (size_t i = 0; i < count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fds[i]};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, fds[i], &event) < 0)
            fd_close(&fds[i]);
    }
    return 1;
}

void store_requests_serve(int fd, enum sink sink)
{
    static char buf[STORE_RECORD_MAX];
    struct store_head head;
    pid_t sender;
    size_t size;
    ssize_t n = store_peek(fd, &head, buf, &sender);

    if (n > 0) {
        const char *record = vet_record(buf, (size_t)n, sender, &size);
        head.error = -sink_write(sink, record, size);
        store_answer(fd, &head);
    } else if (n != -EAGAIN && n != -EPROTO) {
        rights_close(&fd);
    }
}
