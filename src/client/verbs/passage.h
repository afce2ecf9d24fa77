/*
 * What can become of a probe of one size.
 */
#ifndef ECHOD_CLIENT_VERBS_PASSAGE_H
#define ECHOD_CLIENT_VERBS_PASSAGE_H

#include "client/connect/error_queue.h"

#include <stdbool.h>

enum passage { PASSES, LOST, TRUNCATED, CORRUPTED, TOO_LARGE, CLOSED, REFUSED, BROKEN, STOPPED };

/* In a word, for programs. */
const char *passage_name(enum passage passage);

/* Whether PASSAGE is an error, and REPORTED the network's report of it. */
bool passage_is_reported(enum passage passage, const struct queued_error *reported);

/* In words, with who REPORTED it, if anybody did, in BUF of PASSAGE_WORDS_MAX bytes. Returns BUF.
 */
#define PASSAGE_WORDS_MAX 320
const char *passage_words(enum passage passage, const struct queued_error *reported, char *buf);

#endif
