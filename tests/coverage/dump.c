/*
 * For ./configure --enable-coverage only, where the linker puts these in place of the functions of
 * their names. A process that ends by _exit(2) would write no counts (gcov(1)); and a worker may
 * have no more descriptors than it has, and open no file. Other builds do not have this.
 */
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* More than a worker may have; whoever may have more keeps its own. */
#define SCARCE 16

void __gcov_dump(void);
void __gcov_reset(void);
void __real__exit(int status) __attribute__((noreturn));
void __wrap__exit(int status) __attribute__((noreturn));
long __real_syscall(long number, ...);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long g);

void __wrap__exit(int status)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < SCARCE)
        close(0); /* the client's socket, a moment before the kernel would */
    __gcov_dump();
    __real__exit(status);
}

/* A fork server is executed by syscall(2), after which nothing is left of what was counted. Its
 * environment has nothing; but what is preloaded into the daemon (tests/faults) is to be there,
 * too. */
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long g)
{
    if (number == SYS_execveat) {
        __gcov_dump();
        __gcov_reset();
        if (getenv("LD_PRELOAD"))
            d = (long)environ;
    }
    return __real_syscall(number, a, b, c, d, e, g);
}
