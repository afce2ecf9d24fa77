#include "client/command/verb.h"

#include "base/macros.h"
#include "base/memory.h"
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- help ---- */

/* Prints a summary of the options that all verbs have. */
static void print_common_synopsis(const struct verb *verb)
{
    printf("\nAlso -4 -6%s%s -t -q -v --source --dscp%s --json: see echoc --help.\n",
           verb->datagrams ? " -u" : "", verb->network_only ? "" : " -U",
           verb->network_only ? "" : " --proxy");
}

static void print_verb_help(const struct verb *verb)
{
    const char *leading = verb->leading ? verb->leading : "", *gap = verb->leading ? " " : "";
    const char *trailing = verb->trailing ? verb->trailing : "", *space = verb->trailing ? " " : "";

    printf("Usage: echoc %s [OPTION]... %s%sHOST [PORT%s%s]\n", verb->name, leading, gap, space,
           trailing);
    if (!verb->network_only)
        printf("  or:  echoc %s [OPTION]... --unix PATH%s%s%s%s\n", verb->name, gap, leading, space,
               trailing);
    printf("%c%s.\n\n", toupper((unsigned char)verb->summary[0]), verb->summary + 1);
    options_print(verb->rows, verb->row_count, stdout);
    print_common_synopsis(verb);
    fputs(verb->notes, stdout);
}

/* ---- the command line ---- */

/* Stores HOST, PORT and the other operands of VERB. */
static void take_operands(const struct verb *verb, struct common_options *c, int count,
                          char **operands)
{
    int i = 0;

    if (verb->leading && i < count)
        c->leading = operands[i++];
    if (!c->target.path && i < count)
        c->target.host = operands[i++];
    if (!c->target.path && i < count)
        c->target.port = operands[i++];
    c->rest = operands + i;
    c->rest_count = i < count ? (size_t)(count - i) : 0; /* COUNT is -1 without argv[0] */
}

static int check(const struct verb *verb, struct common_options *c)
{
    if (verb->leading && !c->leading)
        return usage_error("an operand is missing", verb->leading);
    if (!verb->trailing && c->rest_count > 0)
        return usage_error("unexpected operand", c->rest[0]);
    if (!verb->datagrams && c->udp)
        return usage_error("this verb needs a connection: it cannot be combined with --udp",
                           verb->name);
    c->lasting = !verb->datagrams;
    c->probes = verb->probes;
    return common_options_check(c);
}

/* Parses options and operands. Returns 0, or -EINVAL after reporting an error. */
static int parse(const struct verb *verb, struct common_options *c, void *opts, int argc,
                 char **argv)
{
    const struct option_set sets[] = {
        {common_option_rows, common_option_row_count, c},
        {verb->rows, verb->row_count, opts},
    };
    int first = options_parse(sets, ARRAY_SIZE(sets), argc, argv, &c->show);

    if (first < 0 || c->show != SHOW_NOTHING)
        return first < 0 ? first : 0;
    take_operands(verb, c, argc - first, argv + first);
    return check(verb, c);
}

static int parse_and_run(const struct verb *verb, void *opts, int argc, char **argv)
{
    struct common_options common = common_options_default(verb->port);

    if (parse(verb, &common, opts, argc, argv) < 0)
        return verb->misuse;
    if (common.show == SHOW_NOTHING)
        return verb->run(&common, opts);
    if (common.show == SHOW_HELP)
        print_verb_help(verb);
    else
        puts("echoc (echod) " PACKAGE_VERSION);
    return EXIT_SUCCESS;
}

int verb_run(const struct verb *verb, int argc, char **argv)
{
    char name[] = "echoc", *given = argv[0];
    void *opts = memory_zeroed(1, verb->size);

    memcpy(opts, verb->defaults, verb->size);
    argv[0] = argc > 0 ? name : NULL; /* getopt_long(3) begins its messages with it */
    int status = parse_and_run(verb, opts, argc, argv);
    argv[0] = given;
    free(opts);
    return status;
}
