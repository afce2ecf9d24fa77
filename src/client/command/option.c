#include "client/command/option.h"

#include "base/clock.h"
#include "base/duration.h"
#include "base/text.h"
#include "client/io/diag.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <string.h>

/* The number of rows in all tables of a command line. */
#define ROWS_MAX 48

/* getopt_long(3) returns .val: this plus the index of the row, which is no letter. */
#define FIRST_LONG 256

/* ---- types ---- */

static int parse_text(const char *text, void *member)
{
    *(const char **)member = text;
    return 0;
}

/* Parses seconds with a fraction as ping(8) does: "0.2", ".5". Digits beyond microseconds are
 * dropped. */
static int parse_seconds(const char *text, uint64_t *usec)
{
    uint64_t whole = 0, fraction = 0, unit = USEC_PER_SEC;

    if (isdigit((unsigned char)*text) && number_scan(&text, &whole) < 0)
        return -ERANGE;
    if (*text++ != '.' || !isdigit((unsigned char)*text))
        return -EINVAL;
    for (; isdigit((unsigned char)*text); text++) {
        unit /= 10;
        fraction += unit * (uint64_t)(*text - '0');
    }
    if (*text)
        return -EINVAL;
    if (__builtin_mul_overflow(whole, USEC_PER_SEC, &whole) ||
        __builtin_add_overflow(whole, fraction, usec))
        return -ERANGE;
    return 0;
}

static int parse_span(const char *text, void *member)
{
    uint64_t usec;
    int r = duration_parse(text, &usec);

    if (r == -EINVAL)
        r = parse_seconds(text, &usec);
    /* Two values can be added and converted to nanoseconds without overflow. */
    if (r == 0 && usec > UINT64_MAX / NSEC_PER_USEC / 4)
        r = -ERANGE;
    if (r == 0)
        *(uint64_t *)member = usec;
    return r;
}

static int parse_between(const char *text, uint64_t least, uint64_t most, void *member)
{
    uint64_t number;
    int r = number_parse(text, &number);

    if (r < 0)
        return r;
    if (number < least || number > most)
        return -ERANGE;
    *(uint64_t *)member = number;
    return 0;
}

static int parse_count(const char *text, void *member)
{
    return parse_between(text, 1, UINT32_MAX, member);
}

static int parse_size(const char *text, void *member)
{
    return parse_between(text, 1, OPTION_SIZE_MAX, member);
}

const struct option_type argument_text = {parse_text, "a text"};
const struct option_type argument_span = {parse_span, "a time span (500ms, 10s, 1min 30s, 0)"};
const struct option_type argument_count = {parse_count, "a number from 1 to 4294967295"};
const struct option_type argument_size = {parse_size, "a number of bytes, 1 to 1048576"};

/* ---- parsing ---- */

/* All option tables as one list for getopt_long(3): for each row, the table that it is in. */
struct catalogue {
    size_t count;
    const struct option_row *rows[ROWS_MAX];
    const struct option_set *sets[ROWS_MAX];
    char letters[2 * ROWS_MAX + 1];
    struct option longs[ROWS_MAX + 1];
};

static void add_row(struct catalogue *c, const struct option_set *set, const struct option_row *row)
{
    size_t used = strlen(c->letters), i = c->count++;

    c->rows[i] = row;
    c->sets[i] = set;
    c->longs[i] = (struct option){row->name, row->type ? required_argument : no_argument, NULL,
                                  FIRST_LONG + (int)i};
    if (row->letter)
        c->letters[used++] = row->letter;
    if (row->letter && row->type)
        c->letters[used] = ':';
}

static void collect(struct catalogue *c, const struct option_set *sets, size_t count)
{
    *c = (struct catalogue){0};
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < sets[i].count && c->count < ROWS_MAX; k++)
            add_row(c, &sets[i], &sets[i].rows[k]);
}

/* Returns the index of the row for the result GOT of getopt_long(3), or -1 if that has printed an
 * error. */
static int index_of(const struct catalogue *c, int got)
{
    if (got >= FIRST_LONG)
        return got - FIRST_LONG;
    for (size_t i = 0; i < c->count; i++)
        if (c->rows[i]->letter && c->rows[i]->letter == got)
            return (int)i;
    return -1;
}

static int store(const struct option_row *row, void *into, const char *text)
{
    void *member = (char *)into + row->offset;

    if (!row->type) {
        *(int *)member = row->value;
        return 0;
    }
    if (row->type->parse(text, member) == 0)
        return 0;
    diag_say("--%s: not %s: %s", row->name, row->type->what, text);
    return -EINVAL;
}

static int take(const struct catalogue *c, int got)
{
    int i = index_of(c, got);
    int r = i < 0 ? -EINVAL : store(c->rows[i], c->sets[i]->into, optarg);

    if (r < 0)
        diag_hint_at_help();
    return r;
}

int options_parse(const struct option_set *sets, size_t count, int argc, char **argv,
                  const int *stop)
{
    struct catalogue c;
    int got, r = 0;

    collect(&c, sets, count);
    optind = 0; /* makes glibc start from the beginning */
    while (r == 0 && !*stop && (got = getopt_long(argc, argv, c.letters, c.longs, NULL)) != -1)
        r = take(&c, got);
    return r < 0 ? r : optind;
}

/* ---- help ---- */

static void print_row(FILE *to, const struct option_row *row)
{
    char synopsis[64] = "      ";
    const char *text = row->help, *end;

    if (row->letter)
        snprintf(synopsis, sizeof(synopsis), "  -%c, ", row->letter);
    text_append(synopsis, sizeof(synopsis), "--%s", row->name);
    if (row->argument)
        text_append(synopsis, sizeof(synopsis), " %s", row->argument);
    for (; (end = strchr(text, '\n')); text = end + 1, synopsis[0] = '\0')
        fprintf(to, "%-24s%.*s\n", synopsis, (int)(end - text), text);
    fprintf(to, "%-24s%s\n", synopsis, text);
}

void options_print(const struct option_row *rows, size_t count, FILE *to)
{
    for (size_t i = 0; i < count; i++)
        print_row(to, &rows[i]);
}
