#include "daemon/session/slots.h"

#include "base/clock.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int slots_open(struct slots *slots, size_t count)
{
    int memory = memfd_create("echod-slots", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    /* Access to a page that was cut off would kill the daemon. Growing is permitted, because a
     * reload may need more slots. */
    if (memory < 0 || fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_SEAL) < 0) {
        int error = errno;
        fd_close(&memory);
        return -error;
    }
    return slots_adopt(slots, memory, count);
}

int slots_adopt(struct slots *slots, int memory, size_t count)
{
    *slots = (struct slots){.memory = memory, .page = (size_t)sysconf(_SC_PAGESIZE)};
    size_t size = count * slots->page;
    struct stat st;
    if (fstat(memory, &st) < 0 || (st.st_size < (off_t)size && ftruncate(memory, (off_t)size) < 0))
        return -errno; /* grows, as it is sealed against shrinking */
    void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    if (map == MAP_FAILED)
        return -errno;
    slots->map = map;
    slots->count = count;
    return 0;
}

int slots_resize(struct slots *slots, size_t count)
{
    struct slots resized;
    int r = slots_adopt(&resized, slots->memory, count);

    if (r < 0)
        return r;
    if (slots->map)
        munmap(slots->map, slots->count * slots->page);
    *slots = resized;
    return 0;
}

struct slot *slots_at(const struct slots *slots, size_t index)
{
    return (struct slot *)(slots->map + index * slots->page);
}

struct slot *slots_take(struct slots *slots, size_t index)
{
    struct slot *slot = slots_at(slots, index);

    if (index < SLOTS_KEPT)
        slots->kept[index] = false;
    *slot = (struct slot){0}; /* a worker from before a reload may have used it */
    return slot;
}

static void give_back(const struct slots *slots, size_t index)
{
    madvise(slots->map + index * slots->page, slots->page, MADV_REMOVE);
}

void slots_free(struct slots *slots, size_t index)
{
    if (index >= SLOTS_KEPT) {
        give_back(slots, index);
        return;
    }
    memset(slots->map + index * slots->page, 0, slots->page);
    slots->kept[index] = true;
    slots->give_back_at = clock_now() + USEC_PER_SEC;
}

void slots_give_back(struct slots *slots)
{
    for (size_t i = 0; i < SLOTS_KEPT; i++) {
        if (slots->kept[i])
            give_back(slots, i);
        slots->kept[i] = false;
    }
    slots->give_back_at = 0;
}

void slots_run(struct slots *slots, uint64_t now)
{
    if (slots->give_back_at && now >= slots->give_back_at)
        slots_give_back(slots);
}

uint64_t slots_next(const struct slots *slots)
{
    return slots->give_back_at ? slots->give_back_at : UINT64_MAX;
}

void slots_close(struct slots *slots)
{
    if (slots->map)
        munmap(slots->map, slots->count * slots->page);
    slots->map = NULL;
    fd_close(&slots->memory);
}
