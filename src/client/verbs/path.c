/*
 * path: finds out what is between client and server, by comparing what was sent and what has
 * arrived.
 */
#include "base/clock.h"
#include "base/fd.h"
#include "base/macros.h"
#include "base/text.h"
#include "client/command/connection.h"
#include "client/command/fd_limit.h"
#include "client/connect/connect_diag.h"
#include "client/flows/flows.h"
#include "client/io/diag.h"
#include "client/io/interrupts.h"
#include "client/io/output.h"
#include "client/page/page.h"
#include "client/path/compare.h"
#include "client/path/handshake.h"
#include "client/path/try_flows.h"
#include "client/path/try_tcp.h"
#include "client/path/try_udp.h"
#include "client/verbs/verbs.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define WHOAMI_PORT "7780"

/* A DSCP that networks should preserve, and that those that clear DSCPs do clear. */
#define MARK 46

/* The difference between the two TTLs: larger than any difference of path lengths. */
#define APART 64

#define AT(member) offsetof(struct path_options, member)

static const struct option_row rows[] = {
    {"echo-port", 0, &argument_text, AT(echo_port), 0, "PORT",
     "port of a TCP echo service on the host [7777]"},
    {"udp-port", 0, &argument_text, AT(udp_port), 0, "PORT",
     "port of a UDP echo service [same as --echo-port]"},
    {"flows", 0, &argument_count, AT(flows), 0, "N", "test for loss from N source ports [64]"},
    {"idle", 0, &argument_span, AT(idle), 0, "SPAN",
     "test whether a connection survives SPAN of silence"},
    {"page", 0, &argument_text, AT(page), 0, "FILE", "also write the findings as an HTML page"},
};

/* ---- what the server knows ---- */

static void report_other_service(const struct common_options *c, const struct address *address)
{
    static const char advice[] = "it is not a whoami service of echod: add to the server's "
                                 "echod.conf a section [listen whoami] with address = *, "
                                 "port = " WHOAMI_PORT " and service = whoami";
    char text[ADDRESS_TEXT_MAX];

    diag_say("%s: %s", address_format(address, text, sizeof(text)), advice);
    if (c->json)
        output_error(address, advice);
}

static void report_failure(const struct common_options *c, const struct attempt *a)
{
    if (a->error == -EBADMSG) {
        report_other_service(c, &a->address);
        return;
    }
    connect_diag_refused(a);
    if (c->json)
        output_error(&a->address, strerror(-a->error));
}

/* Reduces ATTEMPTS to the address that accepts a connection first. Returns 0, or -errno after
 * reporting each failure. */
static int find_address(const struct path *p, struct attempts *attempts)
{
    struct connection connection;

    if (attempts->count == 1)
        return 0;
    int r = connection_connect(p->common, attempts, p->interrupts, &connection);
    if (r < 0)
        return r;
    fd_close(&connection.fd);
    attempts->list[0] = attempts->list[connection.index];
    attempts->count = 1;
    return 0;
}

/* Queries ADDRESS, and retries if there is no connection. *FAILED counts the failed attempts. */
static int ask_address(const struct path *p, const struct address *address,
                       struct handshake_plan plan, struct handshake *h, unsigned *failed)
{
    int r = -ETIMEDOUT;

    for (*failed = 0; *failed < PATH_TRIES; ++*failed) {
        plan.patience = path_reply_timeout(p, *failed);
        r = handshake_ask(p->common, address, &plan, h);
        if (r != -ETIMEDOUT || h->connected || path_is_stopped(p))
            break;
    }
    return r;
}

/* Queries the address that answers first. Returns 0, or -errno after reporting each failure. */
static int ask_plain(const struct path *p, struct attempts *attempts, struct handshake *h,
                     unsigned *failed)
{
    const struct handshake_plan plan = {.dscp = p->common->dscp, .wake = p->interrupts};
    int r = find_address(p, attempts);

    if (r < 0)
        return r;
    r = ask_address(p, &attempts->list[0].address, plan, h, failed);
    attempts->list[0].error = r == -ETIMEDOUT && h->connected ? -ETIME : r;
    if (r < 0 && r != -ECANCELED)
        report_failure(p->common, &attempts->list[0]);
    return r;
}

/* Queries again, with a DSCP and a TTL that are not the defaults. */
static int ask_marked(struct path *p, const struct handshake *plain, struct handshake *h,
                      unsigned *failed)
{
    const struct handshake_plan plan = {
        .dscp = p->common->dscp >= 0 ? p->common->dscp : MARK,
        .ttl = plain->ttl > UINT8_MAX - APART ? plain->ttl - APART : plain->ttl + APART,
        .wake = p->interrupts,
    };

    return ask_address(p, &plain->peer, plan, h, failed);
}

/* FAILED attempts preceded the one that was answered. */
static void compare(struct path *p, unsigned failed)
{
    unsigned more;
    int r = ask_marked(p, &p->plain, &p->marked, &more);

    path_report_tries(p, &p->plain.peer, r == 0 ? failed + more : failed);
    if (r == 0)
        p->hops = path_compare(&p->findings, &p->plain, &p->marked);
    else if (r != -ECANCELED)
        findings_add(&p->findings, "marks",
                     "a connection with DSCP %d and an unusual TTL fails: %s",
                     p->common->dscp >= 0 ? p->common->dscp : MARK,
                     r == -EBADMSG ? "there is no reply" : strerror(-r));
}

/* ---- what the echo services show ---- */

/* Returns PEER with the port PORT, a number or the name of a service, in *FOUND. */
static int at_port(const struct common_options *c, const struct address *peer, const char *port,
                   int type, struct address *found)
{
    char host[ADDRESS_TEXT_MAX];
    struct target target = {.host = address_host(peer, host, sizeof(host)),
                            .port = port,
                            .family = peer->sa.sa_family,
                            .type = type};
    struct attempts attempts;
    const char *reason;
    int r = target_resolve(&target, common_options_deadline(c, clock_now()), &attempts, &reason);

    if (r < 0) {
        connect_diag_unresolved(&target, reason);
        if (c->json)
            output_error(NULL, reason);
        return r;
    }
    *found = attempts.list[0].address;
    attempts_free(&attempts);
    return 0;
}

struct services {
    struct address tcp, udp;
};

static int find_ports(const struct path *p, const struct address *peer, struct services *s)
{
    const char *tcp = p->opts->echo_port ? p->opts->echo_port : ECHOC_DEFAULT_PORT;
    const char *udp = p->opts->udp_port ? p->opts->udp_port : tcp;
    int r = at_port(p->common, peer, tcp, SOCK_STREAM, &s->tcp);

    return r < 0 ? r : at_port(p->common, peer, udp, SOCK_DGRAM, &s->udp);
}

static void take_steps(struct path *p, const struct services *s)
{
    path_find_tcp(p, &s->tcp, p->opts->echo_port != NULL);
    path_find_udp(p, &s->udp, p->opts->udp_port != NULL);
    void (*const steps[])(struct path *) = {path_try_sizes, path_try_bulk, path_try_flows,
                                            path_try_idle};
    if (!path_is_stopped(p))
        path_try_reports(p, &s->udp);
    for (size_t i = 0; i < ARRAY_SIZE(steps) && !path_is_stopped(p) && output_works(); i++)
        steps[i](p);
}

/* ---- the end ---- */

static void print_begin(const struct path *p)
{
    const struct handshake *h = &p->plain;
    char peer[ADDRESS_TEXT_MAX], own[ADDRESS_TEXT_MAX];

    if (!p->common->json)
        output_line("PATH to %s from %s", address_format(&h->peer, peer, sizeof(peer)),
                    address_format(&h->own, own, sizeof(own)));
}

static void put_summary(const struct path *p, int status)
{
    const struct handshake *h = &p->plain;

    output_begin("summary");
    output_address("address", &h->peer);
    output_address("source", &h->own);
    if (p->hops >= 0)
        output_count("hops", (uint64_t)p->hops);
    output_count("findings", p->findings.count);
    output_end_summary(status);
}

static int conclude(const struct path *p, const struct output_file *page)
{
    bool stopped = path_is_stopped(p);
    int status = p->findings.count > 0 ? VERB_BAD : stopped ? VERB_UNABLE : VERB_WELL;
    char peer[ADDRESS_TEXT_MAX];

    if (page->fd >= 0 && path_page_write(p, page) < 0)
        status = VERB_UNABLE;
    if (p->common->json) {
        put_summary(p, status);
    } else {
        output_line("--- %s path ---", address_format(&p->plain.peer, peer, sizeof(peer)));
        if (p->findings.count > 0)
            output_line("%zu finding%s%s", p->findings.count, plural(p->findings.count),
                        stopped ? ", stopped" : "");
        else
            output_line("%s", stopped ? "stopped" : "nothing found");
    }
    return output_works() ? status : VERB_UNABLE;
}

static int examine(struct path *p, struct attempts *attempts, const struct output_file *page)
{
    struct services services;
    unsigned failed;

    int r = ask_plain(p, attempts, &p->plain, &failed);
    if (r < 0)
        return connection_give_up(p->common, r == -ECANCELED ? VERB_UNABLE : connection_status(r));
    if (find_ports(p, &p->plain.peer, &services) < 0)
        return connection_give_up(p->common, VERB_UNABLE);
    print_begin(p);
    compare(p, failed);
    take_steps(p, &services);
    return conclude(p, page);
}

static int check(const struct common_options *c, const struct path_options *opts)
{
    if (c->target.path)
        return usage_error("path tests networks: it cannot be combined with --unix", NULL);
    if (c->proxy.version)
        return usage_error(
            "--proxy cannot be combined with path: the server would report the addresses in the "
            "header",
            NULL);
    if (opts->flows > FLOWS_MAX)
        return usage_error("--flows is at most 4096", NULL);
    if (opts->echo_port && !common_options_is_port(opts->echo_port))
        return usage_error("--echo-port is neither 1 to 65535 nor a service name", opts->echo_port);
    if (opts->udp_port && !common_options_is_port(opts->udp_port))
        return usage_error("--udp-port is neither 1 to 65535 nor a service name", opts->udp_port);
    return 0;
}

/* PAGE is the file to write, or NULL. */
static int run_with(const struct common_options *common, const struct path_options *opts,
                    const struct output_file *page)
{
    struct path p = {.common = common, .opts = opts, .findings.common = common, .hops = -1};
    struct attempts attempts;

    if (connection_resolve(common, &attempts) < 0)
        return connection_give_up(common, VERB_UNABLE);
    p.interrupts = interrupts_open();
    int status =
        p.interrupts < 0 ? connection_give_up(common, VERB_UNABLE) : examine(&p, &attempts, page);
    fd_close(&p.interrupts);
    attempts_free(&attempts);
    findings_free(&p.findings);
    free(p.flows);
    return status;
}

static int run_path(const struct common_options *common, const void *options)
{
    const struct path_options *opts = options;
    struct output_file page = {.fd = -1};

    if (check(common, opts) < 0)
        return VERB_UNABLE;
    if (fd_limit_raise(opts->flows) < 0 || (opts->page && output_file_open(&page, opts->page) < 0))
        return connection_give_up(common, VERB_UNABLE);
    int status = run_with(common, opts, &page);
    return output_file_close(&page) < 0 ? VERB_UNABLE : status;
}

const struct verb verb_path = {
    .name = "path",
    .summary = "find out what changes, drops or cuts connections on the path",
    .port = WHOAMI_PORT,
    .network_only = true,
    .rows = rows,
    .row_count = ARRAY_SIZE(rows),
    .defaults = &(const struct path_options){.flows = 64},
    .size = sizeof(struct path_options),
    .misuse = VERB_UNABLE,
    .run = run_path,
    .notes =
        "PORT is that of a whoami service of echod [" WHOAMI_PORT "], which reports the SYN as it\n"
        "arrived. Sizes, loss and silence are tested with the echo services, if they\n"
        "answer. It cannot be combined with --unix or --proxy.\n\n"
        "Exit status: 0 no findings, 1 findings, or there was no connection or no whoami\n"
        "service, 2 the test could not be run.\n",
};
