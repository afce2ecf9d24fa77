/*
 * A worker in a child, as a fork server forks it, and the test as its client.
 */
#ifndef ECHOD_TESTS_WORK_H
#define ECHOD_TESTS_WORK_H

#include "base/clock.h"
#include "worker/worker.h"

#include "unit.h"

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>

#define FEW (10 * USEC_PER_MSEC)
#define LONG (60 * USEC_PER_SEC)

static struct slot *slot; /* shared with the worker */
static int doorbell;

struct work {
    pid_t pid;
    int client; /* the test's end of the connection */
};

static inline int work_setup(void **state)
{
    sigset_t blocked;

    /* As a fork server leaves them. */
    sigfillset(&blocked);
    sigdelset(&blocked, SIGSYS);
    sigprocmask(SIG_SETMASK, &blocked, NULL);
    signal(SIGPIPE, SIG_IGN);
    worker_handle_signals();
    doorbell = doorbell_open();
    slot = mmap(NULL, sizeof(*slot), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return doorbell < 0 || slot == MAP_FAILED ? -1 : watchdog_setup(state);
}

/* STORE is the worker's connection to the scribe, or -1; it is the worker's alone from here on. */
static inline struct work start_storing(void (*make)(int pair[2]),
                                        const struct service_options *options, uint64_t idle,
                                        uint64_t session, int store)
{
    static const struct title no_title;
    static char title[] = "echod: 192.0.2.1:4242 a echo";
    int pair[2];
    struct job job = {.kind = JOB_CLIENT,
                      .options = *options,
                      .idle_timeout = idle,
                      .session_timeout = session,
                      .title = {.data = title, .len = strlen(title)},
                      .slots = -1};
    struct worker worker = {.job = &job,
                            .store = store,
                            .slot = slot,
                            .doorbell = options->proxy == PROXY_NO ? -1 : doorbell,
                            .title = &no_title};

    *slot = (struct slot){.error = 0};
    address_numeric(&job.peer, "192.0.2.1", 4242);
    make(pair);
    worker.socket = pair[0];
    pid_t pid = fork();
    if (pid == 0) {
        close(pair[1]);
        worker_run(&worker);
    }
    assert_true(pid > 0);
    close(pair[0]);
    fd_close(&store);
    return (struct work){.pid = pid, .client = pair[1]};
}

static inline struct work start_over(void (*make)(int pair[2]),
                                     const struct service_options *options, uint64_t idle,
                                     uint64_t session)
{
    return start_storing(make, options, idle, session, -1);
}

static inline struct work start(enum service service)
{
    const struct service_options options = {.listener = "a", .service = service};

    return start_over(unix_pair, &options, LONG, 0);
}

static inline void client_sends(const struct work *work, const char *text)
{
    assert_int_equal(fd_write_all(work->client, text, strlen(text)), 0);
}

/* Waits until the worker has received COUNT bytes in all and waits for more, or for room. */
static inline void waits_after(const struct work *work, uint64_t count)
{
    char path[64], text[256], state = '?';

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)work->pid);
    while (slot->bytes_in < count)
        sched_yield();
    while (state != 'S') {
        FILE *file = fopen(path, "re");
        assert_non_null(file);
        assert_non_null(fgets(text, sizeof(text), file));
        fclose(file);
        state = strrchr(text, ')')[2];
    }
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
