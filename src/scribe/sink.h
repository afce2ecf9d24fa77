/*
 * The destination of records: the journal, standard error, or syslog. Only the scribe calls this;
 * it may block here.
 */
#ifndef ECHOD_SCRIBE_SINK_H
#define ECHOD_SCRIBE_SINK_H

#include <stddef.h>

enum sink {
    SINK_STDERR,  /* a line of text: time, level, MESSAGE */
    SINK_JOURNAL, /* all fields, by sd_journal_sendv(3); or, if that fails, as SINK_STDERR */
    SINK_SYSLOG,  /* MESSAGE by syslog(3), which reports no errors */
};

/*
 * Chooses the journal if standard error is connected to it (JOURNAL_STREAM, systemd.exec(5)), and
 * otherwise standard error; but syslog for a daemon that detaches from its terminal (DETACHING) if
 * standard error is that terminal.
 */
enum sink sink_choose(int detaching);

/* Writes the record of LEN bytes at DATA (record.h). Returns 0 once it is stored, or -errno. */
int sink_write(enum sink sink, const char *data, size_t len);

/*
 * Waits, a second at most, until the journal has read what was written. Call this before the
 * process exits: journald looks up the unit of the sender when it reads a record, and fails if the
 * process is gone (systemd issue 2913).
 */
void sink_drain(enum sink sink);

#endif
