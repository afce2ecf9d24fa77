/*
 * What echoc path has found: a sentence for each, for people or as an object of JSON.
 */
#ifndef ECHOD_CLIENT_FINDINGS_H
#define ECHOD_CLIENT_FINDINGS_H

#include "base/macros.h"
#include "client/common.h"

struct findings {
    const struct common *common;
    size_t count; /* of findings; notes do not count */
};

/* Something is not as it was sent, or as it should be; KIND is for programs. */
void findings_add(struct findings *f, const char *kind, const char *format, ...) PRINTF_LIKE(3, 4);

/* Something that is good to know, and no fault; not printed with --quiet. */
void findings_note(struct findings *f, const char *kind, const char *format, ...) PRINTF_LIKE(3, 4);

#endif
