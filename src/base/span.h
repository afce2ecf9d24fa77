/*
 * Time spans as systemd.time(7) writes them: "5min", "1h 30min", "1.5" is not one.
 */
#ifndef ECHOD_BASE_SPAN_H
#define ECHOD_BASE_SPAN_H

#include <stddef.h>
#include <stdint.h>

#define USEC_PER_MSEC UINT64_C(1000)
#define NSEC_PER_USEC UINT64_C(1000)
#define USEC_PER_SEC UINT64_C(1000000)
#define SPAN_TEXT_MAX 64

/*
 * Parses TEXT, a sum of whole numbers with the units us, ms, s, min, h or d (a number without
 * a unit is seconds), into *USEC microseconds.
 * Returns 0, -EINVAL for text that is no span, -ERANGE for one beyond 64 bits; *USEC is then
 * untouched.
 */
int span_parse(const char *text, uint64_t *usec);

/*
 * Writes USEC into BUF (SPAN_TEXT_MAX is always enough) so that span_parse() reads the same
 * value back; zero is "0". Returns BUF.
 */
const char *span_format(uint64_t usec, char *buf, size_t size);

/* Microseconds of CLOCK_MONOTONIC; and its nanoseconds, for what takes less than one. */
uint64_t clock_now(void);
uint64_t clock_nanoseconds(void);

/* The milliseconds from now until DEADLINE, of clock_now(), as poll(2) takes them: rounded up, so
 * that a poll that times out has reached it; 0 once it has passed. */
int clock_until(uint64_t deadline);

#endif
