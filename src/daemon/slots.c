#include "daemon/slots.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int slots_open(struct slots *slots, size_t count)
{
    int memory = memfd_create("echod-slots", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    /* The daemon would die of a page that is gone. A reload may need more of them, so growing is
     * left open. */
    if (memory < 0 || fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_SEAL) < 0) {
        int error = errno;
        fd_close(&memory);
        return -error;
    }
    return slots_adopt(slots, memory, count);
}

int slots_adopt(struct slots *slots, int memory, size_t count)
{
    *slots =
        (struct slots){.memory = memory, .count = count, .page = (size_t)sysconf(_SC_PAGESIZE)};
    size_t size = count * slots->page;
    struct stat st;
    if (fstat(memory, &st) < 0 || (st.st_size < (off_t)size && ftruncate(memory, (off_t)size) < 0))
        return -errno; /* it only grows */
    slots->map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    return slots->map == MAP_FAILED ? -errno : 0;
}

int slots_resize(struct slots *slots, size_t count)
{
    munmap(slots->map, slots->count * slots->page);
    return slots_adopt(slots, slots->memory, count);
}

struct slot *slots_at(const struct slots *slots, size_t index)
{
    return (struct slot *)(slots->map + index * slots->page);
}

void slots_free(const struct slots *slots, size_t index)
{
    madvise(slots->map + index * slots->page, slots->page, MADV_REMOVE);
}

void slots_close(struct slots *slots)
{
    if (slots->map && slots->map != MAP_FAILED)
        munmap(slots->map, slots->count * slots->page);
    slots->map = NULL;
    fd_close(&slots->memory);
}
