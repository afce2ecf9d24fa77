/*
 * A scribe in a child whose standard error is a file of the test's, which is its daemon and its
 * workers.
 */
#ifndef ECHOD_TESTS_SCRIBE_CHILD_H
#define ECHOD_TESTS_SCRIBE_CHILD_H

#include "base/clock.h"
#include "base/exit.h"
#include "base/fd.h"
#include "base/passed_fds.h"
#include "ipc/channel.h"
#include "ipc/store.h"
#include "scribe/scribe.h"

#include "unit.h"

#include <sys/mman.h>
#include <syslog.h>

#define LONG_TIME (60 * USEC_PER_SEC)

struct scribe_child {
    int sink;                    /* what it writes */
    int records_in, records_out; /* the queue: its end, the daemon's */
    int stores;                  /* by which it gets its connections; -1: it was never started */
};

/* Opens the queue, for a scribe that writes to SINK. */
static inline void scribe_child_open(struct scribe_child *scribe, int sink)
{
    int queue[2];

    assert_true(sink >= 0);
    assert_int_equal(channel_open(queue), 0);
    *scribe = (struct scribe_child){
        .sink = sink, .records_in = queue[0], .records_out = queue[1], .stores = -1};
}

static inline int scribe_child_file(void)
{
    return memfd_create("sink", MFD_CLOEXEC);
}

/* What the child does: as scribe_process.c has it. */
NORETURN static inline void scribe_child_become(const struct scribe_child *scribe, enum sink kind,
                                                int stores)
{
    const struct scribe given = {.sink = kind, .records = scribe->records_in, .stores = stores};
    const int kept[] = {STDERR_FILENO, given.records, given.stores};

    if (dup2(scribe->sink, STDERR_FILENO) < 0 ||
        passed_fds_close_from(0, kept, ARRAY_SIZE(kept)) < 0)
        _exit(EXIT_OSERR);
    scribe_run(&given);
}

/* Starts one that has no connections yet. Returns its process ID. */
static inline pid_t scribe_child_start(struct scribe_child *scribe, enum sink kind)
{
    int ends[2];

    fd_close(&scribe->stores);
    assert_int_equal(channel_open(ends), 0);
    pid_t pid = fork();
    if (pid == 0)
        scribe_child_become(scribe, kind, ends[0]);
    assert_true(pid > 0);
    close(ends[0]);
    scribe->stores = ends[1];
    return pid;
}

static inline void scribe_child_pass_of(const struct scribe_child *scribe, int connection,
                                        uint64_t source)
{
    assert_int_equal(channel_send(scribe->stores, &source, sizeof(source), &connection, 1), 0);
}

static inline void scribe_child_pass(const struct scribe_child *scribe, int connection)
{
    scribe_child_pass_of(scribe, connection, 0);
}

/* A connection of SOURCE to the scribe that runs, and to no other. Returns the worker's end. */
static inline int scribe_child_connect_of(const struct scribe_child *scribe, uint64_t source)
{
    int ends[2];

    assert_int_equal(store_open(ends), 0);
    scribe_child_pass_of(scribe, ends[1], source);
    close(ends[1]);
    return ends[0];
}

static inline int scribe_child_connect(const struct scribe_child *scribe)
{
    return scribe_child_connect_of(scribe, 0);
}

/* Tells the scribe to end, as the daemon does that logs no more. */
static inline void scribe_child_dismiss(struct scribe_child *scribe)
{
    const char farewell[] = SCRIBE_FAREWELL;

    if (scribe->records_out >= 0)
        send(scribe->records_out, farewell, sizeof(farewell), MSG_NOSIGNAL);
    fd_close(&scribe->records_in);
    fd_close(&scribe->records_out);
    fd_close(&scribe->stores);
}

/* Has TEXT stored over TO. Returns as store_record(). */
static inline int store_text(struct store *to, const char *text, uint64_t timeout)
{
    char buf[RECORD_MAX];
    struct record record;

    record_start(&record, buf, sizeof(buf), LOG_INFO, "%s", text);
    return store_record(to, &record, timeout);
}

/* The same over a connection of its own. */
static inline int store_once(const struct scribe_child *scribe, const char *text)
{
    struct store to = {.fd = scribe_child_connect(scribe)};
    int r = store_text(&to, text, LONG_TIME);

    fd_close(&to.fd);
    return r;
}

#endif
