#include "client/results/error_counts.h"

#include "base/json.h"
#include "client/io/output.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void error_counts_add(struct error_counts *errors, const char *text)
{
    size_t i = 0;

    while (i < ERROR_COUNTS_MAX - 1 && errors->list[i].text &&
           strcmp(errors->list[i].text, text) != 0)
        i++;
    errors->list[i].text = i < ERROR_COUNTS_MAX - 1 ? text : "other causes";
    errors->list[i].count++;
    errors->count++;
}

void error_counts_print(const struct error_counts *errors)
{
    for (size_t i = 0; i < ERROR_COUNTS_MAX && errors->list[i].text; i++)
        output_line("%8" PRIu64 "  %s", errors->list[i].count, errors->list[i].text);
}

void error_counts_put(const struct error_counts *errors)
{
    fputs(", \"causes\": {", stdout);
    for (size_t i = 0; i < ERROR_COUNTS_MAX && errors->list[i].text; i++) {
        fputs(i ? ", " : "", stdout);
        json_string(errors->list[i].text, stdout);
        printf(": %" PRIu64, errors->list[i].count);
    }
    putchar('}');
}
