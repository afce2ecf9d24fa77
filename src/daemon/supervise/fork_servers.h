/*
 * The fork servers: the current one, which takes jobs, and older ones whose workers are still
 * alive. Each is a separate program, started by exec(3): its memory never contained the
 * configuration, and its layout is new at each start.
 *
 * The daemon keeps both ends of each channel. So a job that a killed fork server has not read goes
 * to the next one, and no client is lost.
 */
#ifndef ECHOD_DAEMON_SUPERVISE_FORK_SERVERS_H
#define ECHOD_DAEMON_SUPERVISE_FORK_SERVERS_H

#include "daemon/supervise/fork_server.h"
#include "ipc/job.h"
#include "ipc/report.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* The current one and older ones. If there is no free place, a crash does not start a new one. */
#define FORK_SERVERS_MAX 32

struct fork_servers {
    struct fork_server item[FORK_SERVERS_MAX];
    size_t count;
    uint32_t current; /* the number of the current one; 0: none */
    uint32_t last_number;
    const char *program;
    int executable; /* echod-forkserver (O_PATH); -1: it could not be opened */
    struct file_identity file;
    struct setup setup;
    uint64_t start_at; /* clock_now() of the next start, if there is none */
    uint64_t pause;    /* between starts that never become ready */
    uint64_t renew_at; /* when a new one is due after a crash; UINT64_MAX: not */
    uint64_t renewals; /* the token bucket of renewals: the time at which it is full */
    bool full;         /* the channel of the current one had no room at the last try */
    bool known;        /* the protections have been reported */
    struct protection_state {
        int error; /* 0, or the errno of its failure */
        int level;
    } protection[PROTECTION_COUNT];
    struct request *moving; /* a job that is being moved from one that has ended; NULL: none */
    uint32_t moving_from;   /* the number of that one */
};

/* Initially there are none. */
#define FORK_SERVERS_NONE                                                                          \
    {                                                                                              \
        .executable = -1, .renew_at = UINT64_MAX                                                   \
    }

/*
 * Opens echod-forkserver, in the directory of PROGRAM, which stays valid, or where it is installed.
 * SETUP is for those that are started; its descriptors are not owned. Returns 0, or -errno: each
 * start tries again then.
 */
int fork_servers_open(struct fork_servers *fs, const char *program, const struct setup *setup);

/* Adopts SERVER from the previous program, as the CURRENT one or not; its jobs are counted by
 * fork_servers_claim(). Returns 0 or -EPROTO. */
int fork_servers_adopt(struct fork_servers *fs, const struct fork_server *server, bool current);
void fork_servers_claim(struct fork_servers *fs, uint32_t number, bool started);

/* Ends all of them, and thereby their workers. */
void fork_servers_close(struct fork_servers *fs);

/* Starts one that takes the jobs from now on. Does not wait. Returns 0 or -errno. */
int fork_servers_start(struct fork_servers *fs, uint64_t now);

/* Whether the installed program differs from that of the current fork server. */
bool fork_servers_outdated(const struct fork_servers *fs);

/*
 * Sends JOB to the current one, and stores its number in *NUMBER. The descriptors stay the
 * caller's. Returns 0; -EAGAIN: there is no room, or no fork server; or another -errno.
 */
int fork_servers_submit(struct fork_servers *fs, const struct job *job, uint32_t *number);

/* Whether the next job is likely to be accepted: there is a fork server, and not too many jobs wait
 * for it. */
bool fork_servers_have_room(const struct fork_servers *fs);

/* A job of the fork server NUMBER has a worker. */
void fork_servers_started(struct fork_servers *fs, uint32_t number);

/* A job of the fork server NUMBER has ended; STARTED: it had a worker. */
void fork_servers_done(struct fork_servers *fs, uint32_t number, bool started);

/* The fork server NUMBER, or NULL. */
struct fork_server *fork_servers_find(struct fork_servers *fs, uint32_t number);

/* Whether the fork server NUMBER has ended, so that its workers are children of the daemon. */
bool fork_servers_has_ended(struct fork_servers *fs, uint32_t number);

/* Makes the fork server NUMBER stop reaping, so that signals to its workers are safe: it replies
 * with REPORT_HELD, and continues after fork_server_release(). */
void fork_servers_hold(struct fork_servers *fs, uint32_t number);

/*
 * Receives the reports of SERVER about its jobs, and REPORT_HELD; those about itself are handled
 * here. LIST has room for REPORTS_MAX. Returns how many; 0: none; or -EPROTO if this version does
 * not understand them.
 */
ssize_t fork_servers_receive(struct fork_servers *fs, struct fork_server *server,
                             struct report *list);

/* Handles the end of PID, if it is a fork server. Returns it, or NULL. Its reports must have been
 * received before. */
struct fork_server *fork_servers_exited(struct fork_servers *fs, pid_t pid, uint64_t now);

/* Moves one job that SERVER, which has ended, left unread to the current one. Returns its ID; 0:
 * none now, or none left (drained). */
uint64_t fork_servers_move(struct fork_servers *fs, struct fork_server *server);

/* Puts back a job that is being moved, because this program is replaced. */
void fork_servers_put_back(struct fork_servers *fs);

/* A worker of the fork server NUMBER crashed (0: it was killed, which reveals nothing about its
 * memory): a new fork server takes the jobs from now on, within a rate limit. Returns whether there
 * were so many crashes that NUMBER and its workers are killed. */
bool fork_servers_renew(struct fork_servers *fs, uint32_t number, uint64_t now);

/* Does what is due at NOW: starts, holds, and ending those whose last job is done. Returns 0, or
 * the -errno of a failed start. */
int fork_servers_run(struct fork_servers *fs, uint64_t now);

/* When fork_servers_run() has something to do, clock_now(); UINT64_MAX: never. */
uint64_t fork_servers_next(const struct fork_servers *fs);

#endif
