/*
 * A probe: a payload that an echo service must return unchanged.
 *
 * All of its bytes follow from a few numbers, so that an answer can be compared byte by byte
 * without keeping what was sent:
 *
 *   0  sequence number        12  size of the probe
 *   4  "Echo"                 16  time it was sent, nanoseconds of CLOCK_MONOTONIC
 *   8  the run of echoc       24  CRC-32 of all the other bytes
 *   28 fill bytes, which depend on run, sequence number and offset, and take every value
 *
 * Numbers are little-endian, so that a probe too small for its header begins with the low bits of
 * its sequence number. The last byte is a newline, for servers that answer line by line, unless the
 * probe consists of a header only.
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
    uint32_t run; /* a number that identifies this run of echoc */
    uint32_t seq;
    uint32_t size; /* at least 1 */
    uint64_t time; /* nanoseconds of CLOCK_MONOTONIC */
};

/* Writes PROBE into BUF, of PROBE->size bytes. */
void probe_write(const struct probe *probe, void *buf);

/*
 * Compares the LEN bytes at DATA with those of PROBE. Returns LEN, or the index of the first
 * difference; *EXPECTED is then the byte that PROBE has there, or -1 beyond its end. *SAME becomes
 * the number of equal bytes, including those after the difference.
 */
size_t probe_compare(const struct probe *probe, const void *data, size_t len, int *expected,
                     size_t *same);

/*
 * Reads the header at DATA into PROBE. Returns whether the LEN bytes are an intact probe of this
 * RUN, by the checksum, so that what was sent need not be known.
 */
bool probe_read(const void *data, size_t len, uint32_t run, struct probe *probe);

/* The index in the LEN bytes at DATA, from START on, at which a probe of this RUN begins; -1: none.
 */
ssize_t probe_find(const void *data, size_t len, size_t start, uint32_t run);

#endif
