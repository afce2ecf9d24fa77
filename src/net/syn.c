#include "net/syn.h"

#include "base/macros.h"
#include "base/text.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define TCP_HEADER 20

/* Option kinds: IANA, "TCP Option Kind Numbers". */
enum { END = 0, NOP = 1, MSS = 2, WINDOW_SCALE = 3, SACK_PERMITTED = 4, TIMESTAMPS = 8 };

static const char *const names[] = {
    [END] = "end",
    [NOP] = "nop",
    [MSS] = "mss",
    [WINDOW_SCALE] = "window_scale",
    [SACK_PERMITTED] = "sack",
    [TIMESTAMPS] = "timestamps",
    [19] = "md5",
    [29] = "ao",
    [30] = "mptcp",
    [34] = "fast_open",
};

/* The bytes that have not been read yet. */
struct bytes {
    const uint8_t *at;
    size_t left;
};

/* Consumes COUNT bytes. Returns a pointer to them, or NULL if there are fewer. */
static const uint8_t *take(struct bytes *b, size_t count)
{
    const uint8_t *at = b->at;

    if (count > b->left)
        return NULL;
    b->at += count;
    b->left -= count;
    return at;
}

static uint16_t number16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static void set_traffic_class(struct syn *syn, unsigned traffic_class)
{
    syn->dscp = (uint8_t)(traffic_class >> 2);
    syn->ecn = traffic_class & 3;
}

static int read_ipv4(struct bytes *b, struct syn *syn)
{
    const uint8_t *ip = take(b, 20);

    if (!ip || ip[9] != IPPROTO_TCP || (ip[0] & 15) < 5)
        return -EBADMSG;
    set_traffic_class(syn, ip[1]);
    syn->ttl = ip[8];
    return take(b, 4 * (size_t)((ip[0] & 15) - 5)) ? 0 : -EBADMSG;
}

/* Returns the length of the extension header at AT, of which at least 8 bytes are there and whose
 * kind is NEXT, or 0 if that kind cannot precede TCP. */
static size_t extension_length(unsigned next, const uint8_t *at)
{
    switch (next) {
    case IPPROTO_HOPOPTS:
    case IPPROTO_ROUTING:
    case IPPROTO_DSTOPTS:
        return 8 * ((size_t)at[1] + 1);
    case IPPROTO_FRAGMENT:
        return 8;
    case IPPROTO_AH:
        return 4 * ((size_t)at[1] + 2);
    }
    return 0;
}

static int read_ipv6(struct bytes *b, struct syn *syn)
{
    const uint8_t *ip = take(b, 40);

    if (!ip)
        return -EBADMSG;
    set_traffic_class(syn, (unsigned)(ip[0] & 15) << 4 | ip[1] >> 4);
    syn->ttl = ip[7];
    for (unsigned next = ip[6]; next != IPPROTO_TCP;) {
        size_t len = b->left >= 8 ? extension_length(next, b->at) : 0;
        const uint8_t *header = len >= 8 ? take(b, len) : NULL;
        if (!header)
            return -EBADMSG;
        next = header[0];
    }
    return 0;
}

/* Stores the option KIND, whose LEN bytes of content are at DATA. */
static void read_option(struct syn *syn, uint8_t kind, const uint8_t *data, size_t len)
{
    if (kind == MSS && len == 2)
        syn->mss = number16(data);
    else if (kind == WINDOW_SCALE && len == 1)
        syn->window_scale = data[0];
    else if (kind == SACK_PERMITTED && len == 0)
        syn->sack = true;
    else if (kind == TIMESTAMPS && len == 8)
        syn->timestamps = true;
}

static void read_options(struct bytes b, struct syn *syn)
{
    const uint8_t *kind, *data, *len;

    while ((kind = take(&b, 1))) {
        bool bare = *kind == END || *kind == NOP;
        if (!bare) {
            len = take(&b, 1);
            data = len && *len >= 2 ? take(&b, *len - 2U) : NULL;
            if (!data)
                return;
            read_option(syn, *kind, data, *len - 2U);
        }
        syn->options[syn->option_count++] = *kind;
        if (*kind == END)
            return;
    }
}

static int read_tcp(struct bytes *b, struct syn *syn)
{
    const uint8_t *tcp = take(b, TCP_HEADER);
    struct bytes options = *b;

    if (!tcp || tcp[12] >> 4 < 5)
        return -EBADMSG;
    options.left = 4 * (size_t)((tcp[12] >> 4) - 5);
    if (!take(b, options.left))
        return -EBADMSG;
    syn->ecn_setup = (tcp[13] & 0xc0) == 0xc0;
    syn->window = number16(tcp + 14);
    read_options(options, syn);
    return 0;
}

int syn_parse(const void *data, size_t len, struct syn *syn)
{
    struct bytes b = {.at = data, .left = len};
    int r = -EBADMSG;

    *syn = (struct syn){.mss = -1, .window_scale = -1};
    if (len > 0 && b.at[0] >> 4 == 4)
        r = read_ipv4(&b, syn);
    else if (len > 0 && b.at[0] >> 4 == 6)
        r = read_ipv6(&b, syn);
    return r < 0 ? r : read_tcp(&b, syn);
}

const char *syn_options(const struct syn *syn, char *buf)
{
    buf[0] = '\0';
    for (size_t i = 0; i < syn->option_count; i++) {
        uint8_t kind = syn->options[i];
        const char *name = kind < ARRAY_SIZE(names) ? names[kind] : NULL, *gap = i > 0 ? "," : "";
        if (name)
            text_append(buf, SYN_OPTIONS_TEXT_MAX, "%s%s", gap, name);
        else
            text_append(buf, SYN_OPTIONS_TEXT_MAX, "%skind-%u", gap, kind);
    }
    return buf;
}
