/*
 * What echoc can do: one of these per verb, each with its options and its help.
 */
#ifndef ECHOD_CLIENT_VERB_H
#define ECHOD_CLIENT_VERB_H

#include "client/common.h"

#include <stdbool.h>

/* What all verbs but send exit with, as ping(8) does. */
#define VERB_WELL 0   /* everything came back as it was sent, or was as it was to be */
#define VERB_BAD 1    /* no connection, no reply, or something was wrong with it */
#define VERB_UNABLE 2 /* it could not be tried: command line, unknown name, our own system */

struct verb {
    const char *name;
    const char *summary; /* of one line */
    const char *before;  /* the operand before HOST, or NULL */
    const char *behind;  /* operands behind PORT, or NULL */
    const char *port;    /* where none is given */
    bool datagrams;      /* it can be done with --udp */
    bool probes;         /* what it sends are probes (probe.h) */
    const struct option_row *rows;
    size_t row_count;
    const void *defaults; /* what the rows' offsets are of, .size bytes */
    size_t size;
    int misuse; /* the exit status for a wrong command line */
    /* Returns the exit status. OWN is a copy of .defaults with the options stored. */
    int (*run)(const struct common *common, const void *own);
    const char *notes; /* the rest of the help */
};

extern const struct verb verb_send, verb_ping, verb_crr, verb_load, verb_hold, verb_idle,
    verb_sweep, verb_path, verb_whoami, verb_daytime;

/* The verb that NAME is; NULL: none. */
const struct verb *verb_named(const char *name);

/* Does VERB as the ARGC strings of ARGV say, of which the first is skipped. Returns the exit
 * status. */
int verb_run(const struct verb *verb, int argc, char **argv);

/* Prints what echoc --help shows: the verbs and what they have in common. */
void verbs_print_help(void);

#endif
