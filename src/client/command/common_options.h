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

/* Options set the int members. Strings point into argv. */
struct common_options {
    struct target target;
    struct address source; /* the address to connect from; .len 0: any */
    int dscp;              /* -1: the default */
    struct proxy proxy;
    uint64_t timeout;  /* microseconds; 0 = none */
    uint64_t begin;    /* when the program started, by clock_now() */
    uint64_t deadline; /* when the verb must end, by clock_now(); NEVER: no deadline */
    bool lasting;      /* the verb needs a connection */
    bool probes;       /* the verb sends probes, so an additional one does no harm */
    int udp;
    int json;
    int verbosity;       /* enum verbosity */
    int show;            /* enum show; if it is set, the other members may be incomplete */
    const char *leading; /* the operand before HOST, for verbs that have one */
    char *const *rest;   /* the operands after PORT */
    size_t rest_count;
};

extern const struct option_row common_option_rows[];
extern const size_t common_option_row_count;

/* The defaults. PORT is used if the command line gives none. */
struct common_options common_options_default(const char *port);

/* Returns a copy of C with a deadline SPAN microseconds after the start of the program; 0: none. */
struct common_options common_options_with_deadline(const struct common_options *c, uint64_t span);

/* When an operation that begins at BEGIN must end, by the timeout and the deadline. */
uint64_t common_options_deadline(const struct common_options *c, uint64_t begin);

/* How long to wait for a reply from now on, in microseconds: the timeout, or the time until the
 * deadline if that is shorter; 0: no limit. */
uint64_t common_options_reply_timeout(const struct common_options *c);

/* The connect plan for these options, which must outlive it. Connecting is interrupted once the
 * descriptor WAKE is readable; -1: never. */
struct connect_plan common_options_connect_plan(const struct common_options *c, int wake);

/* Checks the options. Returns 0 or -EINVAL, reported. */
int common_options_check(struct common_options *c);

/* Whether PORT may be a port or a service name. getaddrinfo(3) of glibc truncates numbers over
 * 65535, and accepts " 7" and "+7". */
bool common_options_is_port(const char *port);

/* Writes the name of the code point DSCP, or its number if it has none, into BUF of DSCP_TEXT_MAX
 * bytes. Returns BUF. */
#define DSCP_TEXT_MAX 8
const char *dscp_name(int dscp, char *buf);

/* Reports a usage error: WHAT is wrong, and the argument TEXT or NULL. Returns -EINVAL. */
int usage_error(const char *what, const char *text);

#endif
