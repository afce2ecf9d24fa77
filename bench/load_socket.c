#define _GNU_SOURCE
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 8, GRACE_SECONDS = 30, PATIENCE_SECONDS = 10 };

double load_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void load_report(long done, double seconds, long errors)
{
    printf("{\"done\": %ld, \"seconds\": %.6f, \"errors\": %ld, \"at\": %.6f}\n", done, seconds,
           errors, load_now());
    fflush(stdout);
}

bool load_await_line(char *line, size_t size)
{
    if (!fgets(line, (int)size, stdin))
        return false;
    line[strcspn(line, "\n")] = '\0';
    return true;
}

void load_limit_time(double seconds)
{
    alarm((unsigned)seconds + GRACE_SECONDS);
}

void load_raise_files(long count)
{
    struct rlimit files = {0};
    rlim_t needed = (rlim_t)count + 32;

    getrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_cur >= needed)
        return;
    files.rlim_cur = needed;
    if (files.rlim_max < needed)
        files.rlim_max = needed;
    if (setrlimit(RLIMIT_NOFILE, &files) < 0) {
        fprintf(stderr, "load: %ld descriptors are more than RLIMIT_NOFILE allows\n", count);
        exit(71);
    }
}

static int bind_source(const struct load *load, int fd)
{
    struct sockaddr_in source = {.sin_family = AF_INET};
    const int one = 1;

    source.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + load->source);
    if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one)) < 0)
        return -1;
    return bind(fd, (struct sockaddr *)&source, sizeof(source));
}

int load_connect(struct load *load, int flags)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((unsigned short)load->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);

    if (fd < 0)
        return -1;
    if ((load->source > 0 && bind_source(load, fd) < 0) ||
        (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 && errno != EINPROGRESS)) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

/* Connects, with a receive timeout so that it cannot hang, and without Nagle's delay. */
static int connect_patiently(struct load *load)
{
    const struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
    const int one = 1;
    int fd = load_connect(load, 0);

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return fd;
}

/* Opens up to BATCH connections and sends a byte on each. Returns the number stored in FDS. */
static long open_batch(struct load *load, int *fds, long count, long *errors)
{
    long opened = 0;

    for (long i = 0; i < count; i++) {
        int fd = connect_patiently(load);
        if (fd >= 0 && send(fd, "e", 1, MSG_NOSIGNAL) == 1) {
            fds[opened++] = fd;
            continue;
        }
        if (fd >= 0)
            close(fd);
        ++*errors;
    }
    return opened;
}

/* Keeps the connections in FDS that echoed the byte. Returns their number. */
static long keep_echoing(int *fds, long count, long *errors)
{
    long kept = 0;

    for (long i = 0; i < count; i++) {
        char byte = 0;
        if (recv(fds[i], &byte, 1, 0) == 1 && byte == 'e') {
            fds[kept++] = fds[i];
            continue;
        }
        close(fds[i]);
        ++*errors;
    }
    return kept;
}

long load_open(struct load *load, int *fds, long count, double seconds, long *errors)
{
    double deadline = load_now() + seconds;
    long opened = 0, failed = 0;

    while (opened + failed < count && failed < LOAD_ERRORS_MAX && load_now() < deadline) {
        long wanted = count - opened - failed < BATCH ? count - opened - failed : BATCH;
        long more = open_batch(load, fds + opened, wanted, &failed);
        opened += keep_echoing(fds + opened, more, &failed);
    }
    *errors += failed;
    return opened;
}
