#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct held {
    int *fds;
    long count;
};

static void close_some(struct held *held, long count)
{
    double start = load_now();
    long closed = 0;

    while (closed < count && held->count > 0) {
        close(held->fds[--held->count]);
        closed++;
    }
    load_report(closed, load_now() - start, count - closed);
}

/* Sends a byte on each connection before it waits for the first answer. */
static void check_all(const struct held *held)
{
    double start = load_now();
    long good = 0;

    for (long i = 0; i < held->count; i++)
        (void)!send(held->fds[i], "c", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    for (long i = 0; i < held->count && i - good < LOAD_ERRORS_MAX; i++) {
        char byte = 0;
        good += recv(held->fds[i], &byte, 1, 0) == 1 && byte == 'c';
    }
    load_report(good, load_now() - start, held->count - good);
}

/* Closes with a reset, which leaves no state in the kernel that could affect the next run. */
static void drop_all(const struct held *held)
{
    const struct linger at_once = {.l_onoff = 1};

    for (long i = 0; i < held->count; i++) {
        setsockopt(held->fds[i], SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
        close(held->fds[i]);
    }
}

int load_hold(struct load *load, long count, double seconds)
{
    char line[64];
    long errors = 0, number;
    double start = load_now();
    struct held held = {.fds = calloc((size_t)count, sizeof(int))};

    if (!held.fds)
        return 71;
    load_raise_files(count);
    held.count = load_open(load, held.fds, count, seconds, &errors);
    load_report(held.count, load_now() - start, errors);
    while (load_await_line(line, sizeof(line))) {
        if (sscanf(line, "close %ld", &number) == 1)
            close_some(&held, number);
        else
            check_all(&held);
    }
    drop_all(&held);
    free(held.fds);
    return 0;
}
