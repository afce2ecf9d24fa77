/*
 * Durations as in systemd.time(7): "5min", "1h 30min", but not "1.5".
 */
#ifndef ECHOD_BASE_DURATION_H
#define ECHOD_BASE_DURATION_H

#include <stddef.h>
#include <stdint.h>

#define DURATION_TEXT_MAX 64

/*
 * Parses TEXT, a sum of whole numbers with the units us, ms, s, min, h or d (a number without
 * a unit is seconds), into *USEC microseconds.
 * Returns 0, or with *USEC unchanged: -EINVAL if TEXT is not a duration, -ERANGE if it exceeds 64
 * bits.
 */
int duration_parse(const char *text, uint64_t *usec);

/*
 * Writes USEC into BUF (DURATION_TEXT_MAX is always enough) so that duration_parse() reads the same
 * value back; zero is "0". Returns BUF.
 */
const char *duration_format(uint64_t usec, char *buf, size_t size);

#endif
