/*
 * What the unit tests share: cmocka with the headers that it needs before its own, a directory of
 * a test's own, children, and connected sockets.
 */
#ifndef ECHOD_TESTS_UNIT_H
#define ECHOD_TESTS_UNIT_H

#include "base/fd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <ftw.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- a directory: temp_setup() and temp_teardown() are a group's, or a test's, fixtures ---- */

/* The directory that temp_setup() made, absolute; the test runs in it. */
static inline char *temp_dir(void)
{
    static char path[] = "/tmp/echod-unit-XXXXXX";

    return path;
}

static inline int temp_setup(void **state)
{
    (void)state;
    return mkdtemp(temp_dir()) && chdir(temp_dir()) == 0 ? 0 : -1;
}

static inline int temp_remove(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

static inline int temp_teardown(void **state)
{
    (void)state;
    return chdir("/") < 0 ? -1 : nftw(temp_dir(), temp_remove, 8, FTW_DEPTH | FTW_PHYS);
}

static inline void write_file(const char *path, const void *data, size_t len)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

/*
 * Ends a test that cannot be run here, WHY in its log: in place of cmocka's skip(), which before
 * version 1.1.8 prints "not ok".
 */
#define cannot_run(why)                                                                            \
    do {                                                                                           \
        print_message("# SKIP %s\n", why);                                                         \
        return;                                                                                    \
    } while (0)

/* Whether valgrind watches this process: it has descriptors, and makes system calls, of its own. */
static inline bool is_watched(void)
{
    const char *preloaded = getenv("LD_PRELOAD");

    return preloaded && strstr(preloaded, "vgpreload");
}

/* ---- children ---- */

/* Ends a program that waits for what never comes: a fixture of groups that fork. Not by alarm(2),
 * whose timer the code uses itself (base/passed_fds.h). */
static inline int watchdog_setup(void **state)
{
    struct sigevent end = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL};
    const struct itimerspec when = {.it_value = {.tv_sec = 1200}}; /* a machine may be slow */
    timer_t timer;

    (void)state;
    return timer_create(CLOCK_MONOTONIC, &end, &timer) < 0 ? -1
                                                           : timer_settime(timer, 0, &when, NULL);
}

/* The exit status of the child PID once it has ended, or 1000 and the signal that killed it. */
static inline int child_end(pid_t pid)
{
    int status = 0;

    while (waitpid(pid, &status, __WALL) < 0)
        assert_int_equal(errno, EINTR);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* ---- sockets ---- */

static inline void unix_pair(int pair[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
}

/* A connection over the loopback interface: pair[0] is the server's end. */
static inline void tcp_pair(int pair[2])
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct sockaddr *sa = (struct sockaddr *)&in;
    socklen_t len = sizeof(in);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(listener, sa, len), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, sa, &len), 0);
    pair[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(pair[1], sa, len), 0);
    pair[0] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(pair[0] >= 0);
    close(listener);
}

/* Reads FD to its end into BUF, which then ends in a NUL. Returns the count, or -errno. */
static inline ssize_t read_to_end(int fd, char *buf, size_t size)
{
    size_t used = 0;
    ssize_t n;

    while ((n = read(fd, buf + used, size - 1 - used)) > 0)
        used += (size_t)n;
    buf[used] = '\0';
    return n < 0 ? -errno : (ssize_t)used;
}

/* Whether ::1 can be bound. */
static inline bool ipv6_works(void)
{
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool works = fd >= 0 && bind(fd, (struct sockaddr *)&in6, sizeof(in6)) == 0;

    fd_close(&fd);
    return works;
}

#endif
