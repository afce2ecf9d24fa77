/*
 * A preloaded library (ld.so(8)) that replaces the functions below. It counts their calls by the
 * place in the program that makes them, and makes one of the calls fail.
 *
 * The table of places and the fault are in a file that all processes of a run share, named by
 * ECHOD_CALLS; tests/faults/preload.py writes and reads it. Calls from libraries are neither
 * counted nor made to fail.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SITES 16384
/* The most callers by which places are distinguished. */
#define DEPTH 3
/* In place of an errno. SHORT: the third argument, a size, becomes 1. NOTHING: the function returns
 * 0. */
#define SHORT (-1001)
#define NOTHING (-1002)

/* A place in a program that calls FUNCTION: the return address of the call, relative to the start
 * of the program, then that of its caller, and so on. */
struct site {
    _Atomic uint64_t key; /* 0: free */
    _Atomic uint32_t count;
    uint32_t offset[DEPTH];
    char function[24];
    char program[24];
};

struct table {
    uint64_t key; /* 0: no fault */
    uint32_t nth, lasts, depth, padding;
    int32_t error;
    _Atomic uint32_t hits;
    struct site site[SITES];
};

static struct table *table;
static uintptr_t begin, end;
static char program[sizeof(table->site->program)];
static _Atomic bool over;

/* Records the addresses of the program itself, which is the first object. */
static int note_program(struct dl_phdr_info *info, size_t size, void *context)
{
    (void)size, (void)context;
    begin = info->dlpi_addr;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type == PT_LOAD && begin + header->p_vaddr + header->p_memsz > end)
            end = begin + header->p_vaddr + header->p_memsz;
    }
    return 1;
}

__attribute__((constructor)) static void prepare(void)
{
    char path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
    const char *name = getenv("ECHOD_CALLS");
    int fd = name ? open(name, O_RDWR | O_CLOEXEC) : -1;
    void *memory =
        fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*table), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (length < 0 || memory == MAP_FAILED)
        return;
    path[length] = '\0';
    strncpy(program, strrchr(path, '/') + 1, sizeof(program) - 1);
    if (!strstr(program, "echo")) /* another program, started by one of ours */
        return;
    dl_iterate_phdr(note_program, NULL);
    table = memory;
    close(fd);
}

/* Runs before the program's destructors, in which gcov writes its counters. */
static void stop(void)
{
    over = true;
}

static void stop_at_exit(void)
{
    static _Atomic bool asked;

    if (!atomic_exchange(&asked, true))
        atexit(stop);
}

/* A stack frame of a function that keeps a frame pointer. */
struct frame {
    const struct frame *caller;
    uintptr_t return_address;
};

static bool is_in_program(uintptr_t address)
{
    return address >= begin && address < end;
}

/* The key of the call whose frame is FRAME. With a depth over 1, all callers must have frame
 * pointers. */
static uint64_t key_of(const struct frame *frame, uint32_t *offset)
{
    uint64_t key = 1469598103934665603U;

    for (const char *c = program; *c; c++)
        key = (key ^ (unsigned char)*c) * 1099511628211U;
    for (uint32_t i = 0; i < table->depth && is_in_program(frame->return_address); i++) {
        offset[i] = (uint32_t)(frame->return_address - begin);
        key = (key ^ offset[i]) * 1099511628211U;
        if (frame->caller <= frame)
            break;
        frame = frame->caller;
    }
    return key;
}

static struct site *find(uint64_t key, const uint32_t *offset, const char *function)
{
    for (uint64_t i = key % SITES;; i = (i + 1) % SITES) {
        struct site *site = &table->site[i];
        uint64_t free = 0;
        if (atomic_compare_exchange_strong(&site->key, &free, key)) {
            memcpy(site->offset, offset, sizeof(site->offset));
            strncpy(site->function, function, sizeof(site->function) - 1);
            strcpy(site->program, program);
        }
        if (site->key == key)
            return site;
    }
}

/* Counts a call of FUNCTION, whose frame is FRAME. Returns how it fails; 0: it does not fail. */
static int fails(const char *function, const struct frame *frame)
{
    uint32_t offset[DEPTH] = {0}, count;
    uint64_t key;

    if (!table || over || !is_in_program(frame->return_address))
        return 0;
    stop_at_exit();
    key = key_of(frame, offset);
    count = ++find(key, offset, function)->count;
    if (key != table->key || (table->lasts ? count < table->nth : count != table->nth))
        return 0;
    table->hits++;
    return table->error;
}

/* Up to six arguments that are integers or pointers are passed in the same way, so one definition
 * serves for all functions. */
typedef long function(long, ...);
long __libc_malloc(long, ...);
long __libc_calloc(long, ...);
long __libc_realloc(long, ...);

#define REPLACE(name, find_real, failed)                                                           \
    long fail_##name(long a, long b, long c, long d, long e, long f) __asm__(#name);               \
    long fail_##name(long a, long b, long c, long d, long e, long f)                               \
    {                                                                                              \
        static function *real;                                                                     \
        int error = fails(#name, __builtin_frame_address(0));                                      \
        if (error == NOTHING)                                                                      \
            return 0;                                                                              \
        if (error && error != SHORT) {                                                             \
            errno = error > 0 ? error : EMFILE; /* those of getaddrinfo(3) are negative */         \
            return (failed);                                                                       \
        }                                                                                          \
        if (error == SHORT && c > 1)                                                               \
            c = 1;                                                                                 \
        if (!real)                                                                                 \
            real = (find_real);                                                                    \
        return real(a, b, c, d, e, f);                                                             \
    }

/* Closes FILE and then fails, because the other end would otherwise wait. */
static long closed(long file, ...)
{
    function *real = (function *)dlsym(RTLD_NEXT, "fclose");

    return real(file);
}

#define NEXT(name) ((function *)dlsym(RTLD_NEXT, #name))
#define MINUS(name) REPLACE(name, NEXT(name), -1)
#define AFTER(name, done) REPLACE(name, done, (done(a), -1))
#define ZERO(name) REPLACE(name, NEXT(name), 0)
#define ERROR(name) REPLACE(name, NEXT(name), error)
#define NEGATIVE(name) REPLACE(name, NEXT(name), -error)

/* dlsym(3) allocates. */
REPLACE(malloc, __libc_malloc, 0)
REPLACE(calloc, __libc_calloc, 0)
REPLACE(realloc, __libc_realloc, 0)
AFTER(fclose, closed)
/* clang-format off */
ZERO(fdopen) ZERO(fmemopen) ZERO(fopen) ZERO(fopen64) ZERO(fopencookie) ZERO(getcwd) ZERO(getpwnam)
ZERO(if_nametoindex) ZERO(open_memstream) ZERO(opendir) ZERO(realpath) ZERO(reallocarray)
ZERO(strdup) ZERO(strndup)

MINUS(accept4) MINUS(access) MINUS(asprintf) MINUS(bind) MINUS(chdir) MINUS(chmod)
MINUS(close_range) MINUS(connect) MINUS(dup2) MINUS(dup3) MINUS(epoll_create1) MINUS(epoll_ctl)
MINUS(epoll_wait) MINUS(eventfd) MINUS(execv) MINUS(fchmod) MINUS(fcntl)
MINUS(fcntl64) MINUS(ferror) MINUS(fflush) MINUS(flock) MINUS(fork) MINUS(fstat) MINUS(fstat64)
MINUS(fsync) MINUS(ftruncate) MINUS(ftruncate64) MINUS(gethostname) MINUS(getline)
MINUS(getpeername) MINUS(getrandom) MINUS(getrlimit) MINUS(getrlimit64) MINUS(getsockname)
MINUS(getsockopt) MINUS(ioctl) MINUS(kill) MINUS(listen) MINUS(lstat) MINUS(lstat64) MINUS(madvise)
MINUS(memfd_create) MINUS(mkdir) MINUS(mmap) MINUS(mmap64) MINUS(munmap) MINUS(open) MINUS(open64)
MINUS(openat) MINUS(openat64) MINUS(pipe2) MINUS(poll) MINUS(ppoll) MINUS(prctl) MINUS(pread)
MINUS(pread64) MINUS(read) MINUS(readlink) MINUS(recv) MINUS(recvfrom) MINUS(recvmmsg)
MINUS(recvmsg) MINUS(rename) MINUS(scandir64) MINUS(send) MINUS(sendmmsg) MINUS(sendmsg)
MINUS(sendto) MINUS(setgroups) MINUS(setitimer) MINUS(setresgid) MINUS(setresuid) MINUS(setrlimit)
MINUS(setrlimit64) MINUS(setsid) MINUS(setsockopt) MINUS(shutdown) MINUS(sigaction) MINUS(signalfd)
MINUS(sigtimedwait) MINUS(socket) MINUS(socketpair) MINUS(stat) MINUS(stat64) MINUS(symlink)
MINUS(sysconf) MINUS(timer_create) MINUS(timer_settime) MINUS(unlink) MINUS(waitid) MINUS(waitpid)
MINUS(write) MINUS(writev)

/* These functions return the error number. */
ERROR(getaddrinfo) ERROR(posix_spawnp) ERROR(pthread_create)
NEGATIVE(ini_parse_stream) NEGATIVE(sd_journal_sendv) NEGATIVE(sd_listen_fds_with_names)
NEGATIVE(sd_watchdog_enabled)
