/*
 * What every module needs and no library gives: array sizes, numbers, descriptors.
 */
#ifndef ECHOD_BASE_UTIL_H
#define ECHOD_BASE_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define PRINTF_LIKE(text, args) __attribute__((format(printf, text, args)))
#define NORETURN __attribute__((noreturn))

/* Whether a sanitizer is built in, which has its own ways. */
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

/* Exit statuses, from sysexits(3). */
#define EXIT_USAGE 64
#define EXIT_DATAERR 65
#define EXIT_UNAVAILABLE 69
#define EXIT_SOFTWARE 70
#define EXIT_OSERR 71
#define EXIT_CANTCREAT 73
#define EXIT_IOERR 74
#define EXIT_NOPERM 77
#define EXIT_CONFIG 78

/*
 * Reads the decimal digits at *P into *NUMBER and moves *P past them.
 * Returns 0, -EINVAL where no digit stands, -ERANGE beyond 64 bits.
 */
int number_scan(const char **p, uint64_t *number);

/* Like number_scan(), of a whole TEXT: trailing characters are -EINVAL. */
int number_parse(const char *text, uint64_t *number);

/* Closes *FD unless it is -1, and sets it to -1; errno is kept. */
void fd_close(int *fd);

/*
 * Closes every descriptor from FIRST on but the COUNT in KEEP (which may hold -1 and need not
 * be sorted; at most 4), whatever is in them (rights.h). Returns 0 or -errno (close_range(2)).
 */
int fd_close_from_but(int first, const int *keep, size_t count);

/*
 * Writes all LEN bytes to FD past EINTR, partial writes and, on a non-blocking descriptor, waits.
 * Returns 0 or -errno.
 */
int fd_write_all(int fd, const void *data, size_t len);

/*
 * Opens /dev/null for those of the descriptors 0, 1 and 2 that are closed: a socket that got one of
 * these numbers would receive what is printed. They stay open across exec(3). Returns 0 or -errno.
 */
int fd_ensure_standard(void);

/* Whether two descriptors are of one file, socket or terminal. */
bool fd_same_file(int a, int b);

/* Raises or lowers the flag O_NONBLOCK of FD. Returns 0 or -errno. */
int fd_set_nonblocking(int fd, bool on);

/*
 * A copy of the first LEN bytes of TEXT, or of all of it: the caller frees it. Memory that
 * cannot be had when the daemon is being set up ends the program with a sentence.
 */
char *text_copy(const char *text);
char *text_copy_n(const char *text, size_t len);
void *memory_zeroed(size_t count, size_t size);

/*
 * Grows ARRAY, of *COUNT elements of SIZE bytes, by one zeroed element and counts it.
 * Returns the array, which may have moved.
 */
void *array_append(void *array, size_t *count, size_t size);

/* What a noun ends in that COUNT things have. */
static inline const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

/* The end of BUF (which ends in NUL): appends formatted text, cut at SIZE. */
void text_append(char *buf, size_t size, const char *format, ...) PRINTF_LIKE(3, 4);

#endif
