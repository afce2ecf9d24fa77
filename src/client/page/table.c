#include "client/page/table.h"

#include "client/page/html.h"

#include <stdio.h>
#include <string.h>

#define CELL_MAX 320

struct row {
    const char *kind; /* of the finding that highlights the cell */
    const char *name;
    char sent[CELL_MAX], arrived[CELL_MAX];
};

static void put_row(FILE *to, const struct path *p, const struct row *row)
{
    bool changed = findings_has(&p->findings, row->kind) && strcmp(row->sent, row->arrived) != 0;

    fprintf(to, "<tr%s><th scope=\"row\">%s%s</th><td>", changed ? " class=\"changed\"" : "",
            row->name, changed ? " \u2260" : "");
    html_text(to, row->sent);
    fputs("</td><td>", to);
    html_text(to, row->arrived);
    fputs("</td></tr>\n", to);
}

/* Formats a number, or "none" for -1. */
static void set(char *cell, int value)
{
    if (value < 0)
        snprintf(cell, CELL_MAX, "none");
    else
        snprintf(cell, CELL_MAX, "%d", value);
}

static void put_numbers(FILE *to, const struct path *p, const char *kind, const char *name,
                        int sent, int arrived)
{
    struct row row = {.kind = kind, .name = name};

    set(row.sent, sent);
    set(row.arrived, arrived);
    put_row(to, p, &row);
}

static void put_flags(FILE *to, const struct path *p, const char *kind, const char *name, bool sent,
                      bool arrived)
{
    struct row row = {.kind = kind, .name = name};

    snprintf(row.sent, CELL_MAX, "%s", sent ? "yes" : "no");
    snprintf(row.arrived, CELL_MAX, "%s", arrived ? "yes" : "no");
    put_row(to, p, &row);
}

static void put_dscp(FILE *to, const struct path *p, const char *name, const struct handshake *h)
{
    struct row row = {.kind = "dscp", .name = name};

    dscp_name(h->dscp, row.sent);
    dscp_name(h->reply.syn.dscp, row.arrived);
    put_row(to, p, &row);
}

static void put_addresses(FILE *to, const struct path *p)
{
    const struct handshake *h = &p->plain;
    struct address own = h->own, peer = h->peer;
    struct row client = {.kind = "nat", .name = "Client"};
    struct row server = {.kind = "destination_nat", .name = "Server"};

    address_normalise(&own);
    address_normalise(&peer);
    address_format(&own, client.sent, CELL_MAX);
    address_format(&peer, server.sent, CELL_MAX);
    if (h->reply.peer.len > 0)
        address_format(&h->reply.peer, client.arrived, CELL_MAX);
    if (h->reply.local.len > 0)
        address_format(&h->reply.local, server.arrived, CELL_MAX);
    put_row(to, p, &client);
    put_row(to, p, &server);
}

/* For both connections. If the second one failed, its cells are empty. */
static void put_marks(FILE *to, const struct path *p)
{
    const struct handshake *h = &p->plain, *second = &p->marked;
    bool v6 = h->own.sa.sa_family == AF_INET6;

    put_numbers(to, p, "ttl", v6 ? "Hop limit" : "TTL", h->ttl, h->reply.syn.ttl);
    if (second->reply.has_syn)
        put_numbers(to, p, "ttl", v6 ? "Hop limit, 2nd try" : "TTL, 2nd try", second->ttl,
                    second->reply.syn.ttl);
    put_dscp(to, p, "DSCP", h);
    if (second->reply.has_syn)
        put_dscp(to, p, "DSCP, 2nd try", second);
}

static void put_options(FILE *to, const struct path *p)
{
    const struct handshake *h = &p->plain;
    const struct arrived_syn *syn = &h->reply.syn;

    put_flags(to, p, "ecn", "ECN requested", h->requested & AGREED_ECN, syn->ecn_setup);
    put_numbers(to, p, "mss", "MSS", h->mss, syn->mss);
    put_numbers(to, p, "window_scale", "Window scale", h->window_scale, syn->window_scale);
    put_flags(to, p, "sack", "SACK", h->requested & AGREED_SACK, syn->sack);
    put_flags(to, p, "timestamps", "Timestamps", h->requested & AGREED_TIMESTAMPS, syn->timestamps);
    if (findings_has(&p->findings, "mss_back"))
        put_numbers(to, p, "mss_back", "MSS of the server", h->reply.sent_mss, h->peer_mss);
}

void path_table(FILE *to, const struct path *p)
{
    fputs(
        "<h2>What was sent, and what arrived</h2>\n<table>\n"
        "<thead><tr><th></th><th scope=\"col\">Sent</th><th scope=\"col\">Arrived</th></tr></thead>\n"
        "<tbody>\n",
        to);
    put_addresses(to, p);
    if (p->plain.reply.has_syn) {
        put_marks(to, p);
        put_options(to, p);
    }
    fputs("</tbody></table>\n", to);
}
