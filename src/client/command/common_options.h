/*
 * The options that all verbs have: target, timeouts, output.
 */
#ifndef ECHOD_CLIENT_COMMAND_COMMON_OPTIONS_H
#define ECHOD_CLIENT_COMMAND_COMMON_OPTIONS_H

#include "client/command/option.h"
#include "client/connect/connect.h"
#include "client/connect/proxy_header.h"
#include "client/connect/target.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum verbosity { VERBOSITY_QUIET, VERBOSITY_NORMAL, VERBOSITY_VERBOSE };
enum show { SHOW_NOTHING, SHOW_HELP, SHOW_VERSION };

/* The int members are what options set; all text belongs to the command line. */
struct common_options {
    struct target target;
    struct address source; /* .len 0: any */
    int dscp;              /* -1: as it is */
    struct proxy proxy;
    uint64_t timeout;  /* microseconds; 0 = none */
    uint64_t begin;    /* when the program began, clock_now() */
    uint64_t deadline; /* when the verb has to end, likewise; NEVER */
    bool lasting;      /* the verb needs a connection */
    bool probes;       /* the verb sends probes, so that one more does no harm */
    int udp;
    int json;
    int verbosity;       /* enum verbosity */
    int show;            /* enum show; the other members may be incomplete where it is set */
    const char *leading; /* the operand before HOST, of the verbs that have one */
    char *const *rest;   /* the operands after PORT */
    size_t rest_count;
};

extern const struct option_row common_option_rows[];
extern const size_t common_option_row_count;

/* Nothing set, with the port that is meant where none is given. */
struct common_options common_options_default(const char *port);

/* Returns C with a deadline SPAN microseconds after the start of the program; 0: none. */
struct common_options common_options_with_deadline(const struct common_options *c, uint64_t span);

/* The end of an operation that begins at BEGIN: by the timeout and the deadline. */
uint64_t common_options_deadline(const struct common_options *c, uint64_t begin);

/* How long to wait for a reply from now on: the timeout, or less because of the deadline, in
 * microseconds; 0: for ever. */
uint64_t common_options_reply_timeout(const struct common_options *c);

/* The connect plan for these options, which must remain valid. WAKE, unless it is -1, interrupts
 * it. */
struct connect_plan common_options_connect_plan(const struct common_options *c, int wake);

/* Checks the options. Returns 0 or -EINVAL, reported. */
int common_options_check(struct common_options *c);

/* Whether PORT may be a port or a service name. getaddrinfo(3) of glibc truncates numbers over
 * 65535, and accepts " 7" and "+7". */
bool common_options_is_port(const char *port);

/* The code point DSCP by name, or as a number, in BUF of DSCP_TEXT_MAX bytes. Returns BUF. */
#define DSCP_TEXT_MAX 8
const char *dscp_name(int dscp, char *buf);

/* Reports that the command line is wrong: WHAT, and TEXT or NULL. Returns -EINVAL. */
int usage_error(const char *what, const char *text);

#endif
