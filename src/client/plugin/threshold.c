#include "client/plugin/threshold.h"

#include "base/clock.h"
#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>

/* Parses "1", "0.25" or ".5" at *P as nanoseconds, and moves *P past it. */
static int scan_seconds(const char **p, uint64_t *ns)
{
    uint64_t whole = 0, unit = USEC_PER_SEC * NSEC_PER_USEC;

    if (**p == ':') /* as in monitoring-plugins: from 0 */
        return 0;
    if (**p != '.' && number_scan(p, &whole) < 0)
        return -EINVAL;
    if (__builtin_mul_overflow(whole, unit, ns))
        return -EINVAL;
    if (**p != '.')
        return 0;
    if (!isdigit((unsigned char)*++*p))
        return -EINVAL;
    for (; isdigit((unsigned char)**p); ++*p) {
        unit /= 10;
        *ns += unit * (uint64_t)(**p - '0');
    }
    return 0;
}

/* Parses what follows the colon, if there is one at *P. */
static int scan_end(const char **p, uint64_t *to)
{
    if (**p != ':')
        return 0;
    ++*p;
    *to = UINT64_MAX;
    return **p ? scan_seconds(p, to) : 0;
}

int threshold_parse(const char *text, struct threshold *range)
{
    struct threshold parsed = {.text = text, .inside = *text == '@'};
    const char *p = text + parsed.inside;
    bool no_start = *p == '~';
    int r = no_start ? 0 : scan_seconds(&p, &parsed.from);

    p += no_start;
    if (r < 0 || (no_start && *p != ':'))
        return -EINVAL;
    if (*p != ':') { /* a single number is the end */
        parsed.to = parsed.from;
        parsed.from = 0;
    }
    if (scan_end(&p, &parsed.to) < 0 || *p || parsed.from > parsed.to)
        return -EINVAL;
    *range = parsed;
    return 0;
}

bool threshold_alerts(const struct threshold *range, uint64_t ns)
{
    bool within = ns >= range->from && ns <= range->to;

    return range->text && within == range->inside;
}
