#include "base/duration.h"

#include "base/clock.h"
#include "base/macros.h"
#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

struct unit {
    const char *name;
    uint64_t usec;
};

/* Largest first, because formatting tries them in this order. */
static const struct unit units[] = {
    {"d", 86400 * USEC_PER_SEC}, {"h", 3600 * USEC_PER_SEC}, {"min", 60 * USEC_PER_SEC},
    {"s", USEC_PER_SEC},         {"ms", USEC_PER_MSEC},      {"us", 1},
};

static const struct unit *unit_named(const char *name, size_t len)
{
    for (size_t i = 0; i < ARRAY_SIZE(units); i++)
        if (strlen(units[i].name) == len && memcmp(units[i].name, name, len) == 0)
            return &units[i];
    return NULL;
}

static const char *skip_blanks(const char *p)
{
    return p + strspn(p, " \t");
}

/* Parses "NUMBER [UNIT]" at *P, adds it to *SUM and moves *P past it. */
static int term_parse(const char **p, uint64_t *sum)
{
    uint64_t number, product;
    int r = number_scan(p, &number);

    if (r < 0)
        return r;
    *p = skip_blanks(*p);
    size_t len = 0;
    while (isalpha((unsigned char)(*p)[len]))
        len++;
    const struct unit *unit = len == 0 ? unit_named("s", 1) : unit_named(*p, len);
    if (!unit)
        return -EINVAL;
    *p = skip_blanks(*p + len);
    if (__builtin_mul_overflow(number, unit->usec, &product) ||
        __builtin_add_overflow(*sum, product, sum))
        return -ERANGE;
    return 0;
}

int duration_parse(const char *text, uint64_t *usec)
{
    const char *p = skip_blanks(text);
    uint64_t sum = 0;

    do {
        int r = term_parse(&p, &sum);
        if (r < 0)
            return r;
    } while (*p);
    *usec = sum;
    return 0;
}

const char *duration_format(uint64_t usec, char *buf, size_t size)
{
    size_t used = 0;

    snprintf(buf, size, "0");
    for (size_t i = 0; i < ARRAY_SIZE(units) && used < size; i++) {
        uint64_t count = usec / units[i].usec;
        usec %= units[i].usec;
        if (count == 0)
            continue;
        used += (size_t)snprintf(buf + used, size - used, "%s%llu%s", used ? " " : "",
                                 (unsigned long long)count, units[i].name);
    }
    return buf;
}
