#include "client/causes.h"

#include "base/json.h"
#include "client/output.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void causes_add(struct causes *causes, const char *text)
{
    size_t i = 0;

    while (i < CAUSES_MAX - 1 && causes->list[i].text && strcmp(causes->list[i].text, text) != 0)
        i++;
    causes->list[i].text = i < CAUSES_MAX - 1 ? text : "other causes";
    causes->list[i].count++;
    causes->count++;
}

void causes_print(const struct causes *causes)
{
    for (size_t i = 0; i < CAUSES_MAX && causes->list[i].text; i++)
        output_line("%8" PRIu64 "  %s", causes->list[i].count, causes->list[i].text);
}

void causes_put(const struct causes *causes)
{
    fputs(", \"causes\": {", stdout);
    for (size_t i = 0; i < CAUSES_MAX && causes->list[i].text; i++) {
        fputs(i ? ", " : "", stdout);
        json_string(causes->list[i].text, stdout);
        printf(": %" PRIu64, causes->list[i].count);
    }
    putchar('}');
}
