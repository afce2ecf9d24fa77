/*
 * A worker in a child, as the daemon starts it, and the test as its client.
 */
#ifndef ECHOD_TESTS_WORK_H
#define ECHOD_TESTS_WORK_H

#include "base/span.h"
#include "worker/worker.h"

#include "unit.h"

#include <signal.h>
#include <sys/mman.h>

#define FEW (10 * USEC_PER_MSEC)
#define LONG (60 * USEC_PER_SEC)

static struct slot *slot; /* shared with the worker */

struct work {
    pid_t pid;
    int client; /* the test's end of the connection */
};

static inline int work_setup(void **state)
{
    sigset_t blocked;

    /* As signals_open() leaves them in the daemon. */
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigaddset(&blocked, SIGINT);
    sigaddset(&blocked, SIGHUP);
    sigaddset(&blocked, SLOT_SIGNAL);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    slot = mmap(NULL, sizeof(*slot), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return slot == MAP_FAILED ? -1 : watchdog_setup(state);
}

static inline struct work start_over(void (*make)(int pair[2]),
                                     const struct listen_settings *listen, uint64_t idle,
                                     uint64_t session)
{
    static const struct title no_title;
    int pair[2];
    struct job job = {.messages = NULL,
                      .slot = slot,
                      .listen = listen,
                      .idle_timeout = idle,
                      .session_timeout = session,
                      .title = &no_title,
                      .daemon = getpid()};

    *slot = (struct slot){.error = 0};
    address_numeric(&job.peer, "192.0.2.1", 4242);
    make(pair);
    job.client = pair[0];
    pid_t pid = fork();
    if (pid == 0) {
        close(pair[1]);
        worker_run(&job);
    }
    assert_true(pid > 0);
    close(pair[0]);
    return (struct work){.pid = pid, .client = pair[1]};
}

static inline struct work start(enum service service)
{
    static struct listen_settings listen = {.name = "a", .greeting = {.data = NULL}};

    listen.service = service;
    return start_over(unix_pair, &listen, LONG, 0);
}

static inline void says(const struct work *work, const char *text)
{
    assert_int_equal(fd_write_all(work->client, text, strlen(text)), 0);
}

/* Everything that the worker still sends is EXPECTED, and it ends with END. */
static inline void ends(struct work *work, const char *expected, enum end end)
{
    char buf[256];

    read_to_end(work->client, buf, sizeof(buf));
    assert_string_equal(buf, expected);
    fd_close(&work->client);
    assert_int_equal(child_end(work->pid), end);
    assert_int_equal(slot->state, SLOT_ENDING);
}

#endif
