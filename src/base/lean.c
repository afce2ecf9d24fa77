#include "base/lean.h"

#include "base/util.h"

#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static bool is_one_of(const char *path, const char *const *names, size_t count)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;

    for (size_t i = 0; i < count; i++)
        if (strncmp(base, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

/* libsystemd, what it brings (on Debian 12 and 13), and inih. */
static bool is_dispensable(const char *path)
{
    static const char *const names[] = {"libsystemd.so",   "libcap.so",  "libgcrypt.so",
                                        "libgpg-error.so", "liblzma.so", "libzstd.so",
                                        "liblz4.so",       "libinih.so"};

    return is_one_of(path, names, ARRAY_SIZE(names));
}

/* The program itself has no name here. */
static bool is_needed(const char *path)
{
    static const char *const names[] = {"libc.so", "ld-linux", "ld64", "linux-vdso", "linux-gate"};

    return *path == '\0' || is_one_of(path, names, ARRAY_SIZE(names));
}

/* One that somebody preloaded may stand in for functions that a worker calls, and look up the
 * real ones in all that was mapped; valgrind(1) reads it all, too. */
static bool is_unknown(const char *path)
{
    return !is_needed(path) && !is_dispensable(path);
}

/*
 * What keeps a library from being left out. The C library binds a few of its own symbols late
 * (calloc, realloc), whatever the linker was told for us: so it has to stand before those, where a
 * search, which goes in this order, finds them first.
 */
static int find_obstacle(struct dl_phdr_info *info, size_t size, void *user)
{
    static const char *const libc[] = {"libc.so"};
    bool *libc_came = user;

    (void)size;
    if (is_one_of(info->dlpi_name, libc, ARRAY_SIZE(libc)))
        *libc_came = true;
    return is_unknown(info->dlpi_name) || (is_dispensable(info->dlpi_name) && !*libc_came);
}

static int advise_library(struct dl_phdr_info *info, size_t size, void *user)
{
    const bool *on = user;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), low = UINTPTR_MAX, high = 0;

    (void)size;
    if (!is_dispensable(info->dlpi_name))
        return 0;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        uintptr_t start = info->dlpi_addr + segment->p_vaddr, end = start + segment->p_memsz;
        if (segment->p_type != PT_LOAD)
            continue;
        low = start < low ? start : low;
        high = end > high ? end : high;
    }
    low &= ~(page - 1);
    high = (high + page - 1) & ~(page - 1);
    if (high > low)
        madvise((void *)low, high - low, *on ? MADV_DONTFORK : MADV_DOFORK);
    return 0;
}

/* Whether the linker bound every symbol at the start: a worker cannot look one up any more. */
static bool bound_now(void)
{
    for (const ElfW(Dyn) *entry = _DYNAMIC; entry->d_tag != DT_NULL; entry++)
        if ((entry->d_tag == DT_FLAGS && entry->d_un.d_val & DF_BIND_NOW) ||
            (entry->d_tag == DT_FLAGS_1 && entry->d_un.d_val & DF_1_NOW))
            return true;
    return false;
}

void lean_children(bool on)
{
    bool libc_came = false;

    if (!INSTRUMENTED && bound_now() && !dl_iterate_phdr(find_obstacle, &libc_came))
        dl_iterate_phdr(advise_library, &on);
}

void *lean_memory(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        return NULL;
    madvise(memory, size, MADV_DONTFORK);
    return memory;
}

void lean_free(void *memory, size_t size)
{
    if (memory)
        munmap(memory, size);
}
