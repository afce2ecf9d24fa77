/*
 * What check_echo says to a server, and whether the answer is the right one.
 */
#ifndef ECHOD_CLIENT_PLUGIN_EXPECT_H
#define ECHOD_CLIENT_PLUGIN_EXPECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXPECT_WHY_MAX 512

struct expectation {
    int fd;           /* connected and non-blocking; the caller's */
    int type;         /* of the socket */
    const char *send; /* .send_len bytes; NULL: a probe, or nothing where something is expected */
    size_t send_len;
    const char *expect; /* what the answer has to hold; NULL: just what was sent */
    uint64_t deadline;  /* microseconds of clock_now() */
    size_t received;    /* is set: bytes */
    bool answered;      /* is set: something came, right or not */
    uint64_t arrived;   /* is set: when the answer did, nanoseconds (stamp.h) */
};

/* Talks. Returns whether the answer was right; WHY, of EXPECT_WHY_MAX bytes, then stays as it is,
 * and says else what was wrong. */
bool expect_answer(struct expectation *talk, char *why);

#endif
