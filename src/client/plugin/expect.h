/*
 * What check_echo sends to a server, and the answer that it expects.
 */
#ifndef ECHOD_CLIENT_PLUGIN_EXPECT_H
#define ECHOD_CLIENT_PLUGIN_EXPECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXPECT_WHY_MAX 512

struct expectation {
    int fd;           /* connected and non-blocking; the caller closes it */
    int type;         /* of the socket */
    const char *send; /* .send_len bytes; NULL: a probe, or nothing if .expect is set */
    size_t send_len;
    const char *expect; /* must be part of the answer; NULL: the answer must equal what was sent */
    uint64_t deadline;  /* microseconds of clock_now() */
    size_t received;    /* result: bytes received */
    bool answered;      /* result: there was an answer, right or not */
    uint64_t arrived;   /* result: when the answer arrived, nanoseconds (stamp.h) */
};

/* Sends, and waits for the answer. Returns whether it was right; if not, writes the reason into WHY
 * of EXPECT_WHY_MAX bytes. */
bool expect_answer(struct expectation *talk, char *why);

#endif
