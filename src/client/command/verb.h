/*
 * The verbs of echoc, each with its options and its help.
 */
#ifndef ECHOD_CLIENT_COMMAND_VERB_H
#define ECHOD_CLIENT_COMMAND_VERB_H

#include "client/command/common_options.h"
#include "client/command/status.h"

#include <stdbool.h>

struct verb {
    const char *name;
    const char *summary;  /* one line */
    const char *leading;  /* the operand before HOST, or NULL */
    const char *trailing; /* the operands after PORT, or NULL */
    const char *port;     /* the default */
    bool datagrams;       /* accepts --udp */
    bool network_only;    /* rejects --unix and --proxy */
    bool probes;          /* sends probes (probe.h) */
    const struct option_row *rows;
    size_t row_count;
    const void *defaults; /* of the structure that the rows describe, .size bytes */
    size_t size;
    int misuse; /* the exit status for a wrong command line */
    /* Returns the exit status. OPTS is a copy of .defaults with the options stored. */
    int (*run)(const struct common_options *common, const void *opts);
    const char *notes; /* the rest of the help */
};

/* Runs VERB with the ARGC strings of ARGV; the first is skipped. Returns the exit status. */
int verb_run(const struct verb *verb, int argc, char **argv);

#endif
