#include "base/util.h"

#include "base/rights.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int number_scan(const char **p, uint64_t *number)
{
    uint64_t n = 0;

    if (!isdigit((unsigned char)**p))
        return -EINVAL;
    for (; isdigit((unsigned char)**p); (*p)++)
        if (__builtin_mul_overflow(n, 10, &n) ||
            __builtin_add_overflow(n, (uint64_t)(**p - '0'), &n))
            return -ERANGE;
    *number = n;
    return 0;
}

int number_parse(const char *text, uint64_t *number)
{
    uint64_t n;
    int r = number_scan(&text, &n);

    if (r < 0)
        return r;
    if (*text)
        return -EINVAL;
    *number = n;
    return 0;
}

void fd_close(int *fd)
{
    int kept = errno;

    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    errno = kept;
}

/* The smallest descriptor in KEEP that is not below FIRST, or -1. */
static int next_kept(int first, const int *keep, size_t count)
{
    int best = -1;

    for (size_t i = 0; i < count; i++)
        if (keep[i] >= first && (best < 0 || keep[i] < best))
            best = keep[i];
    return best;
}

/* Where a container's filter refuses close_range(2): those that /proc lists, from FIRST to LAST.
 * Returns 0 or -errno. */
static int close_listed(unsigned first, unsigned last)
{
    DIR *directory = opendir("/proc/self/fd");
    const struct dirent *entry;
    uint64_t fd;

    if (!directory)
        return -errno;
    while ((entry = readdir(directory)) != NULL)
        if (number_parse(entry->d_name, &fd) == 0 && fd >= first && fd <= last &&
            (int)fd != dirfd(directory))
            close((int)fd);
    closedir(directory);
    return 0;
}

static int close_between(unsigned first, unsigned last)
{
    return close_range(first, last, 0) == 0 ? 0 : close_listed(first, last);
}

static int close_from_but(int first, const int *keep, size_t count)
{
    for (;;) {
        int kept = next_kept(first, keep, count);
        unsigned last = kept < 0 ? UINT_MAX : (unsigned)kept - 1;
        int r = kept == first ? 0 : close_between((unsigned)first, last);
        if (r < 0)
            return r;
        if (kept < 0)
            return 0;
        first = kept + 1;
    }
}

int fd_close_from_but(int first, const int *keep, size_t count)
{
    rights_guard(RIGHTS_MOMENT);
    int r = close_from_but(first, keep, count);
    rights_unguard();
    return r;
}

int fd_write_all(int fd, const void *data, size_t len)
{
    const char *p = data;

    while (len > 0) {
        ssize_t n = write(fd, p, len);
        if (n < 0 && errno == EAGAIN) /* somebody else may have set O_NONBLOCK on a terminal */
            poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, -1);
        else if (n < 0 && errno != EINTR)
            return -errno;
        if (n < 0)
            continue;
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

int fd_ensure_standard(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd < 0)
        return -errno;
    close(fd);
    return 0;
}

bool fd_same_file(int a, int b)
{
    struct stat first, second;

    return fstat(a, &first) == 0 && fstat(b, &second) == 0 && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}

int fd_set_nonblocking(int fd, bool on)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0)
        return -errno;
    flags = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
    return fcntl(fd, F_SETFL, flags) < 0 ? -errno : 0;
}

static void *had(void *memory)
{
    if (memory)
        return memory;
    fputs("echod: out of memory\n", stderr);
    exit(EXIT_OSERR);
}

char *text_copy(const char *text)
{
    return had(strdup(text));
}

char *text_copy_n(const char *text, size_t len)
{
    return had(strndup(text, len));
}

void *memory_zeroed(size_t count, size_t size)
{
    return had(calloc(count ? count : 1, size));
}

void *array_append(void *array, size_t *count, size_t size)
{
    char *grown = had(reallocarray(array, *count + 1, size));

    memset(grown + *count * size, 0, size);
    (*count)++;
    return grown;
}

void text_append(char *buf, size_t size, const char *format, ...)
{
    size_t used = strnlen(buf, size);
    va_list args;

    if (used + 1 >= size)
        return;
    va_start(args, format);
    vsnprintf(buf + used, size - used, format, args);
    va_end(args);
}
