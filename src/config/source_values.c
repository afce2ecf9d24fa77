/*
 * The option types about sources: the prefix that defines a source, and its rate.
 */
#include "base/clock.h"
#include "config/values.h"
#include "net/rate.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *skip_blanks(const char *p)
{
    return p + strspn(p, " \t");
}

/* ---- prefixes ---- */

/* Parses "32, 64" into BITS. Returns 0, -EINVAL or -ERANGE. */
static int bits_scan(const char *p, uint64_t bits[2])
{
    for (int i = 0; i < 2; i++) {
        p = skip_blanks(p);
        int r = number_scan(&p, &bits[i]);
        if (r < 0)
            return r;
        p = skip_blanks(p);
        if (*p != (i == 0 ? ',' : '\0'))
            return -EINVAL;
        p++;
    }
    return bits[0] < 1 || bits[0] > 32 || bits[1] < 1 || bits[1] > 128 ? -ERANGE : 0;
}

static int prefix_parse(const struct value_rule *rule, const char *text, void *field, char *reason)
{
    uint64_t bits[2];
    int r = bits_scan(text, bits);

    (void)rule;
    if (r < 0) {
        snprintf(reason, REASON_MAX,
                 r == -ERANGE
                     ? "%.198s is out of range (1 to 32, 1 to 128)"
                     : "\"%.198s\" is not a pair of prefix lengths, for IPv4 and IPv6: 32, 64",
                 text);
        return -EINVAL;
    }
    *(struct source_prefix *)field =
        (struct source_prefix){.ipv4 = (uint8_t)bits[0], .ipv6 = (uint8_t)bits[1]};
    return 0;
}

static void prefix_format(const struct value_rule *rule, const void *field, char *buf, size_t size)
{
    const struct source_prefix *prefix = field;

    (void)rule;
    snprintf(buf, size, "%u, %u", (unsigned)prefix->ipv4, (unsigned)prefix->ipv6);
}

const struct value_type type_prefix = {
    .name = "prefix lengths", .parse = prefix_parse, .format = prefix_format};

/* ---- rates ---- */

static const struct {
    const char *name;
    uint64_t usec;
} units[] = {{"s", USEC_PER_SEC},
             {"min", 60 * USEC_PER_SEC},
             {"h", 3600 * USEC_PER_SEC},
             {"d", 86400 * USEC_PER_SEC}};

/* Parses a rate such as "20/s" or "0". Returns 0, -EINVAL or -ERANGE. */
static int rate_scan(const char *p, struct rate *rate)
{
    int r = number_scan(&p, &rate->count);

    if (r < 0)
        return r;
    if (*p == '\0' && rate->count == 0) {
        rate->interval = units[0].usec;
        return 0;
    }
    for (size_t i = 0; *p == '/' && i < ARRAY_SIZE(units); i++)
        if (strcmp(units[i].name, p + 1) == 0)
            rate->interval = units[i].usec;
    if (rate->interval == 0)
        return -EINVAL;
    return rate->count <= RATE_COUNT_MAX ? 0 : -ERANGE;
}

static int rate_parse(const struct value_rule *rule, const char *text, void *field, char *reason)
{
    struct rate rate = {0};
    int r = rate_scan(text, &rate);

    (void)rule;
    if (r < 0) {
        snprintf(reason, REASON_MAX,
                 r == -ERANGE ? "%.198s is out of range (1 to 1000000 of /s, /min, /h or /d)"
                              : "\"%.198s\" is not a rate (NUMBER/s, /min, /h or /d: 20/s), nor 0",
                 text);
        return -EINVAL;
    }
    *(struct rate *)field = rate;
    return 0;
}

static void rate_format(const struct value_rule *rule, const void *field, char *buf, size_t size)
{
    const struct rate *rate = field;

    (void)rule;
    snprintf(buf, size, "%llu", (unsigned long long)rate->count);
    for (size_t i = 0; rate->count > 0 && i < ARRAY_SIZE(units); i++)
        if (units[i].usec == rate->interval)
            text_append(buf, size, "/%s", units[i].name);
}

const struct value_type type_rate = {.name = "rate", .parse = rate_parse, .format = rate_format};
