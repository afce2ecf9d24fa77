/*
 * The findings of echoc path: each is a sentence, printed as text or as a JSON object.
 */
#ifndef ECHOD_CLIENT_PATH_FINDINGS_H
#define ECHOD_CLIENT_PATH_FINDINGS_H

#include "base/macros.h"
#include "client/command/common_options.h"

#include <stdbool.h>

struct finding {
    const char *kind; /* a keyword for programs */
    char *text;       /* not escaped: it may contain text from the server */
    bool fault;       /* false: a note */
};

struct findings {
    const struct common_options *common;
    size_t count;         /* of faults */
    struct finding *list; /* faults and notes */
    size_t length;        /* of the list */
};

/* Adds and prints a fault: something is not as it was sent, or as it should be. KIND must outlive
 * F. */
void findings_add(struct findings *f, const char *kind, const char *format, ...) PRINTF_LIKE(3, 4);

/* Adds a note: useful to know, but no fault. Not printed with --quiet. */
void findings_note(struct findings *f, const char *kind, const char *format, ...) PRINTF_LIKE(3, 4);

/* Whether there is a finding of this KIND. */
bool findings_has(const struct findings *f, const char *kind);

void findings_free(struct findings *f);

#endif
