/*
 * What echoc path has found: a sentence for each, for people or as an object of JSON.
 */
#ifndef ECHOD_CLIENT_PATH_FINDINGS_H
#define ECHOD_CLIENT_PATH_FINDINGS_H

#include "base/macros.h"
#include "client/command/common_options.h"

#include <stdbool.h>

struct finding {
    const char *kind; /* for programs */
    char *text;       /* as it is: the server's words may be among it */
    bool fault;       /* else a note */
};

struct findings {
    const struct common_options *common;
    size_t count;         /* of findings; notes do not count */
    struct finding *list; /* all of them, and the notes */
    size_t length;
};

/* Something is not as it was sent, or as it should be. KIND stays the caller's. */
void findings_add(struct findings *f, const char *kind, const char *format, ...) PRINTF_LIKE(3, 4);

/* Something that is good to know, and no fault; not printed with --quiet. */
void findings_note(struct findings *f, const char *kind, const char *format, ...) PRINTF_LIKE(3, 4);

/* Whether there is a finding of this KIND. */
bool findings_has(const struct findings *f, const char *kind);

void findings_free(struct findings *f);

#endif
