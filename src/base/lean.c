#include "base/lean.h"

#include "base/util.h"

#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define INSTRUMENTED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define INSTRUMENTED true
#endif
#endif
#ifndef INSTRUMENTED
#define INSTRUMENTED false
#endif

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

/* A library that somebody preloaded may stand in for functions that a worker calls, and look up the
 * real ones in all that was mapped; valgrind(1) reads it all, too. */
static int find_unknown(struct dl_phdr_info *info, size_t size, void *user)
{
    (void)size;
    (void)user;
    return !is_needed(info->dlpi_name) && !is_dispensable(info->dlpi_name);
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
    if (!INSTRUMENTED && bound_now() && !dl_iterate_phdr(find_unknown, NULL))
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
