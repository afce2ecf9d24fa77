/*
 * Reports from a fork server to the daemon, many in one message. The format has a version, because
 * after an upgrade the old fork server reports to the new daemon.
 */
#ifndef ECHOD_IPC_REPORT_H
#define ECHOD_IPC_REPORT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum report_kind {
    REPORT_PROTECTION = 1, /* JOB: enum protection; STATUS: 0, or the errno that keeps it away;
                              PID: its level (Landlock's ABI), or 0 */
    REPORT_READY,          /* all protections are reported; STATUS: JOB_VERSION */
    REPORT_STARTED,        /* JOB has a worker, PID */
    REPORT_ENDED,          /* it ended with STATUS, of wait(2) */
    REPORT_FAILED,         /* JOB has no worker; STATUS: the errno of fork(2) */
    REPORT_HELD,           /* no worker is reaped until REQUEST_RELEASE */
};

struct report {
    uint32_t kind; /* enum report_kind */
    int32_t pid;
    uint64_t job;
    int32_t status;
    uint32_t waited; /* REPORT_ENDED: microseconds from the end to the sending of the report */
};

/* What confines a worker. */
enum protection {
    PROTECTION_USER,              /* it does not run as root */
    PROTECTION_NO_NEW_PRIVILEGES, /* prctl(2), PR_SET_NO_NEW_PRIVS */
    PROTECTION_SECCOMP,           /* seccomp(2): a list of system calls */
    PROTECTION_LANDLOCK,          /* landlock(7): no file, no TCP port, no signal to others */
    PROTECTION_LIMITS,            /* setrlimit(2): no process, no descriptor, no core file */
    PROTECTION_UNDUMPABLE,        /* prctl(2), PR_SET_DUMPABLE */
    PROTECTION_COUNT,
};

/* "seccomp"; "?" for what is no enum protection. */
const char *protection_name(unsigned protection);

/* Reports in one message. */
#define REPORTS_MAX 64
#define REPORTS_SIZE (sizeof(uint64_t) + REPORTS_MAX * sizeof(struct report))

/* Writes the COUNT reports of LIST, REPORTS_MAX at most, into BUF, of REPORTS_SIZE bytes. Returns
 * the length. */
size_t reports_encode(const struct report *list, size_t count, void *buf);

/* Reads the reports of the LEN bytes at BUF into LIST, of REPORTS_MAX. Returns how many, or -EPROTO
 * for what this version does not understand. */
ssize_t reports_decode(struct report *list, const void *buf, size_t len);

#endif
