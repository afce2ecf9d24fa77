#include "client/page/picture.h"

#include "base/text.h"
#include "client/page/html.h"

#include <inttypes.h>
#include <string.h>

/* ---- the two ends ---- */

#define BOX 240
#define LOW 65
#define TALL 120
#define WIDTH 720
#define HOPS_DRAWN 12

/* Returns the font size with which LEN characters of a monospaced font fit into WIDTH. */
static double font_size(size_t len, double width)
{
    double size = width / (0.62 * (double)(len ? len : 1));

    return size < 14 ? size : 14;
}

static void put_line(FILE *to, int x, int y, const char *class, const char *text)
{
    fprintf(to, "<text x=\"%d\" y=\"%d\" class=\"%s\" font-size=\"%.1f\">", x, y, class,
            font_size(strlen(text), BOX - 20));
    html_text(to, text);
    fputs("</text>\n", to);
}

/* Whether the other end sees another address than A. SEEN has a len of 0 if that is not known. */
static bool is_other(const struct address *a, const struct address *seen)
{
    return seen->len > 0 && !address_equal(a, seen);
}

/* Draws the end WHAT at X, with its address A, and SEEN if the other end sees another one. */
static void put_end(FILE *to, int x, const char *what, const struct address *a,
                    const struct address *seen, const char *as)
{
    char text[ADDRESS_TEXT_MAX];

    fprintf(to, "<rect x=\"%d\" y=\"5\" width=\"%d\" height=\"%d\" rx=\"8\" class=\"box\"/>\n", x,
            BOX, is_other(a, seen) ? TALL : LOW);
    put_line(to, x + BOX / 2, 30, "name", what);
    put_line(to, x + BOX / 2, 55, "address", address_format(a, text, sizeof(text)));
    if (!is_other(a, seen))
        return;
    put_line(to, x + BOX / 2, 85, "note", as);
    put_line(to, x + BOX / 2, 107, "address", address_format(seen, text, sizeof(text)));
}

static void put_routers(FILE *to, const struct path *p)
{
    int drawn = p->hops < HOPS_DRAWN ? p->hops : HOPS_DRAWN, middle = WIDTH / 2;
    char text[32] = "";

    for (int i = 0; i < drawn; i++)
        fprintf(to, "<circle cx=\"%d\" cy=\"38\" r=\"6\" class=\"router\"/>\n",
                BOX + (WIDTH - 2 * BOX) * (i + 1) / (drawn + 1));
    if (p->hops >= 0)
        text_append(text, sizeof(text), "%d router%s", p->hops, plural((uint64_t)p->hops));
    else
        text_append(text, sizeof(text), "distance not known");
    put_line(to, middle, 65, "note", text);
}

void path_picture_ends(FILE *to, const struct path *p)
{
    const struct handshake *h = &p->plain;
    struct address own = h->own, peer = h->peer;

    address_normalise(&own);
    address_normalise(&peer);
    bool tall = is_other(&own, &h->reply.peer) || is_other(&peer, &h->reply.local);

    fprintf(to,
            "<figure><svg viewBox=\"0 0 %d %d\" role=\"img\">"
            "<title>This machine, the routers in between, and the server</title>\n"
            "<line x1=\"%d\" y1=\"38\" x2=\"%d\" y2=\"38\" class=\"wire %s\"/>\n",
            WIDTH, 10 + (tall ? TALL : LOW), BOX, WIDTH - BOX,
            p->findings.count > 0 ? "bad" : "good");
    put_routers(to, p);
    put_end(to, 2, "this machine", &own, &h->reply.peer, "arrived at the server as");
    put_end(to, WIDTH - BOX - 2, "server", &peer, &h->reply.local, "knows itself as");
    fputs("</svg></figure>\n", to);
}

/* ---- sizes ---- */

void path_picture_sizes(FILE *to, const struct path *p)
{
    if (p->packet_sent == 0)
        return;
    int width = (int)((uint64_t)p->packet_passes * WIDTH / p->packet_sent);
    bool all = p->packet_passes >= p->packet_sent;

    fprintf(to,
            "<h2>Packet sizes</h2>\n<figure><svg viewBox=\"0 0 %d 40\" role=\"img\">"
            "<title>%" PRIu32 " of %" PRIu32 " bytes pass</title>\n"
            "<rect x=\"0\" y=\"5\" width=\"%d\" height=\"30\" class=\"%s\"/>\n",
            WIDTH, p->packet_passes, p->packet_sent, WIDTH, all ? "ok" : "lost");
    fprintf(to, "<rect x=\"0\" y=\"5\" width=\"%d\" height=\"30\" class=\"ok\"/></svg>\n", width);
    fprintf(to, "<figcaption>Packets of up to %" PRIu32 " bytes pass; ", p->packet_passes);
    if (all)
        fputs("this machine sends no larger ones.</figcaption></figure>\n", to);
    else
        fprintf(to, "this machine sends up to %" PRIu32 ".</figcaption></figure>\n",
                p->packet_sent);
}

/* ---- flows ---- */

#define CELL 18

static unsigned columns(size_t count)
{
    return count > 32 ? WIDTH / CELL : 32;
}

static void put_flow(FILE *to, const struct path_flow *flow, size_t i, unsigned width)
{
    unsigned x = (unsigned)(i % width) * CELL, y = (unsigned)(i / width) * CELL;
    bool whole = flow->answered >= flow->sent;

    fprintf(to,
            "<g><title>port %u: %" PRIu64 " of %" PRIu64 " answered</title>"
            "<rect x=\"%u\" y=\"%u\" width=\"%d\" height=\"%d\" class=\"%s\"/>",
            flow->port, flow->answered, flow->sent, x, y, CELL - 3, CELL - 3,
            flow->dead ? "lost"
            : whole    ? "ok"
                       : "some");
    if (flow->dead)
        fprintf(to, "<path d=\"M%u %ul%d %dm0 -%dl-%d %d\" class=\"cross\"/>", x + 3, y + 3,
                CELL - 9, CELL - 9, CELL - 9, CELL - 9, CELL - 9);
    fputs("</g>\n", to);
}

void path_picture_flows(FILE *to, const struct path *p)
{
    unsigned width = columns(p->flow_count);

    if (p->flow_count == 0)
        return;
    fprintf(to,
            "<h2>Flows</h2>\n<figure><svg viewBox=\"0 0 %d %u\" role=\"img\">"
            "<title>What each flow lost</title>\n",
            WIDTH, (unsigned)((p->flow_count + width - 1) / width) * CELL);
    for (size_t i = 0; i < p->flow_count; i++)
        put_flow(to, &p->flows[i], i, width);
    fprintf(to,
            "</svg><figcaption>One square for each of %zu source ports: "
            "<span class=\"key ok\"></span> everything was answered, "
            "<span class=\"key some\"></span> some of it, "
            "<span class=\"key lost\">\u00d7</span> nothing.</figcaption></figure>\n",
            p->flow_count);
}
