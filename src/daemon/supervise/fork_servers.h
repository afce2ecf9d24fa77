/*
 * The fork servers: the one that takes jobs, and older ones whose workers still live. Each is a
 * program of its own, started by exec(3): its memory never held a configuration, and its layout is
 * new at each start.
 *
 * The daemon keeps both ends of each channel. So a job that a fork server had not read when it was
 * killed goes to the next one, and no client of those is lost.
 */
#ifndef ECHOD_DAEMON_SUPERVISE_FORK_SERVERS_H
#define ECHOD_DAEMON_SUPERVISE_FORK_SERVERS_H

#include "daemon/supervise/fork_server.h"
#include "ipc/job.h"
#include "ipc/report.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* The current one, and older ones. Without a free place there is no fresh one after a crash. */
#define FORK_SERVERS_MAX 32

struct fork_servers {
    struct fork_server item[FORK_SERVERS_MAX];
    size_t count;
    uint32_t current; /* the number of the one that takes jobs; 0: there is none */
    uint32_t last_number;
    int executable; /* the program (O_PATH); -1: it could not be opened */
    struct file_identity file;
    struct setup setup;
    uint64_t start_at; /* clock_now() of the next start, if there is none */
    uint64_t pause;    /* between two starts of those that never get ready */
    uint64_t renew_at; /* of a fresh one after a crash; UINT64_MAX: none is wanted */
    uint64_t renewals; /* microseconds' worth: the token bucket of fresh ones, full at this time */
    bool full;         /* the channel of the current one took no job at the last try */
    bool known;        /* the next ones have been reported */
    struct protection_state {
        int error; /* 0, or the errno that keeps it away */
        int level;
    } protection[PROTECTION_COUNT];
    struct request *moving; /* a job on its way from one that has ended; NULL: none */
    uint32_t moving_from;   /* the number of that one */
};

/* None yet. */
#define FORK_SERVERS_NONE                                                                          \
    {                                                                                              \
        .executable = -1, .renew_at = UINT64_MAX                                                   \
    }

/* Opens the program: beside the daemon's own, PROGRAM, or where it is installed. SETUP is for those
 * that are started; its descriptors are not owned. Returns 0 or -errno. */
int fork_servers_open(struct fork_servers *fs, const char *program, const struct setup *setup);

/* Takes SERVER over from the program before, the CURRENT one or not; its jobs are counted by
 * fork_servers_claim(). Returns 0, or -EPROTO. */
int fork_servers_adopt(struct fork_servers *fs, const struct fork_server *server, bool current);
void fork_servers_claim(struct fork_servers *fs, uint32_t number, bool started);

/* Ends all of them; workers are told to end by that. */
void fork_servers_close(struct fork_servers *fs);

/* Starts one that takes the jobs from here on. Waits for nothing. Returns 0 or -errno. */
int fork_servers_start(struct fork_servers *fs, uint64_t now);

/* Whether the program that is installed is another one than that of the current fork server. */
bool fork_servers_outdated(const struct fork_servers *fs);

/*
 * Gives JOB to the current one, whose number is *NUMBER then. Its descriptors stay the caller's.
 * Returns 0; -EAGAIN: there is no room, or no fork server; or another -errno.
 */
int fork_servers_submit(struct fork_servers *fs, const struct job *job, uint32_t *number);

/* Whether the next job is likely to be taken: there is a fork server, and not too much waits for
 * it. */
bool fork_servers_have_room(const struct fork_servers *fs);

/* A job of the fork server NUMBER has a worker. */
void fork_servers_started(struct fork_servers *fs, uint32_t number);

/* A job of the fork server NUMBER has ended; STARTED: it had a worker. */
void fork_servers_done(struct fork_servers *fs, uint32_t number, bool started);

/* The fork server NUMBER, or NULL. */
struct fork_server *fork_servers_find(struct fork_servers *fs, uint32_t number);

/* Whether the fork server NUMBER has ended: its workers are our children then. */
bool fork_servers_has_ended(struct fork_servers *fs, uint32_t number);

/* Has the fork server NUMBER give no process ID back, so that its workers can be sent signals: it
 * answers by REPORT_HELD, and goes on after fork_server_release(). */
void fork_servers_hold(struct fork_servers *fs, uint32_t number);

/*
 * Receives what SERVER has to report: about its jobs, and REPORT_HELD; what it reports of itself is
 * noted. LIST has room for REPORTS_MAX. Returns how many; 0: there is nothing; or -EPROTO for what
 * this version does not understand.
 */
ssize_t fork_servers_receive(struct fork_servers *fs, struct fork_server *server,
                             struct report *list);

/* Takes the end of PID, if it is a fork server's. Returns it, or NULL. Its reports have been
 * received before. */
struct fork_server *fork_servers_exited(struct fork_servers *fs, pid_t pid, uint64_t now);

/* Moves one job that SERVER, which has ended, left unread to the current one. Returns its id; 0:
 * there is none now, or none any more (drained). */
uint64_t fork_servers_move(struct fork_servers *fs, struct fork_server *server);

/* Puts a job that is on its way back to where it was unread: this program is replaced. */
void fork_servers_put_back(struct fork_servers *fs);

/* A worker of the fork server NUMBER crashed (0: it was killed, which tells nothing of its memory):
 * a fresh one takes the jobs from here on, but not too often. Returns whether there were so many
 * crashes that NUMBER is ended, with all its workers. */
bool fork_servers_renew(struct fork_servers *fs, uint32_t number, uint64_t now);

/* What is due at NOW: starts, holds, and the end of those whose last job is done. Returns 0, or
 * the -errno of a start that failed. */
int fork_servers_run(struct fork_servers *fs, uint64_t now);

/* When that has something to do, clock_now(); UINT64_MAX: never. */
uint64_t fork_servers_next(const struct fork_servers *fs);

#endif
