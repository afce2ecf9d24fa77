#include "ipc/slot.h"

#include "base/clock.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void slot_wait(struct slot *slot, uint64_t usec)
{
    const struct timespec limit = {.tv_sec = (time_t)(usec / USEC_PER_SEC),
                                   .tv_nsec = (long)(usec % USEC_PER_SEC * NSEC_PER_USEC)};

    syscall(SYS_futex, &slot->answer, FUTEX_WAIT, SLOT_UNANSWERED, &limit, NULL, 0);
}

void slot_answer(struct slot *slot, enum slot_answer answer)
{
    atomic_store(&slot->answer, answer);
    syscall(SYS_futex, &slot->answer, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

int doorbell_open(void)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    return fd < 0 ? -errno : fd;
}

int doorbell_ring(int doorbell)
{
    const uint64_t one = 1;

    return write(doorbell, &one, sizeof(one)) < 0 && errno != EAGAIN ? -errno : 0;
}

void doorbell_silence(int doorbell)
{
    uint64_t count;

    if (read(doorbell, &count, sizeof(count)) < 0)
        errno = 0; /* nobody has rung it: not an error */
}
