/*
 * A probe: the payload that an echo has to bring back.
 *
 * All of it follows from a few numbers, so that whatever comes back can be compared byte by byte
 * without having kept what was sent:
 *
 *   0  sequence number        12  size of the probe
 *   4  "Echo"                 16  time it was sent, nanoseconds of CLOCK_MONOTONIC
 *   8  the run of echoc       24  CRC-32 of all the other bytes
 *   28 filling, which depends on run, sequence number and place, and takes every value
 *
 * Numbers are little-endian: a probe too small for its header begins with the low bits of its
 * sequence number. The last byte is a newline, for servers that answer line by line (not in a
 * probe that consists of header only).
 */
#ifndef ECHOD_CLIENT_PROBE_PROBE_H
#define ECHOD_CLIENT_PROBE_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PROBE_HEADER 28
#define PROBE_MARK 12 /* the bytes that tell a probe of this run from anything else */

struct probe {
    uint32_t run; /* one number for each time echoc runs */
    uint32_t seq;
    uint32_t size; /* at least 1 */
    uint64_t time; /* nanoseconds */
};

/* Writes the .size bytes of PROBE. */
void probe_write(const struct probe *probe, void *buf);

/*
 * Compares the LEN bytes of DATA with those of PROBE. Returns LEN, or the index of the first that
 * differs; *EXPECTED is then the byte that PROBE has there, or -1 beyond its end. *SAME counts
 * those that agree, before and behind it.
 */
size_t probe_compare(const struct probe *probe, const void *data, size_t len, int *expected,
                     size_t *same);

/*
 * Reads the header at DATA into PROBE. Whether all LEN bytes are an intact probe of the RUN: that
 * is what the checksum is for, where it is not known any more what was sent.
 */
bool probe_read(const void *data, size_t len, uint32_t run, struct probe *probe);

/* The index in the LEN bytes at DATA, from START on, at which a probe of the RUN begins; -1: none
 * does. */
ssize_t probe_find(const void *data, size_t len, size_t start, uint32_t run);

#endif
