/*
 * Escaping untrusted bytes, so that they are safe to show on a terminal and in a log line.
 */
#ifndef ECHOD_BASE_ESCAPE_H
#define ECHOD_BASE_ESCAPE_H

#include <stddef.h>

/* The space that escape_bytes() needs for LEN bytes, including the terminating NUL. */
#define ESCAPED_SIZE(len) (4 * (len) + 1)

/*
 * Writes the LEN bytes at DATA into BUF, of ESCAPED_SIZE(LEN) bytes, as text that is valid
 * UTF-8 and moves no cursor: control characters (C0, DEL, C1), those that change the direction of
 * text, line separators and bytes that are not UTF-8 become \xNN, one per byte; a backslash
 * becomes \\.
 * Bytes named in KEEP (or none, NULL) stay as they are. Returns the length written without
 * the NUL.
 */
size_t escape_bytes(char *buf, const void *data, size_t len, const char *keep);

/* Replaces each byte of TEXT that escape_bytes() would write as \xNN by a question mark. */
void escape_disarm(char *text, const char *keep);

/*
 * Undoes the escapes \\ \n \r \t and \xNN of TEXT into BUF, which may be TEXT itself; NUL
 * bytes (\x00) are allowed, so the length counts.
 * Returns the length, or -EINVAL for an unknown or unfinished escape.
 */
int unescape_text(char *buf, const char *text);

/*
 * Writes the LEN bytes at TEXT into BUF, truncated at SIZE, escaped as a value of an INI file,
 * where outer spaces and comments are lost: unescape_text() restores them. A semicolon at the
 * beginning is not escaped, so no space may precede the value. No escaped form is shorter than this
 * one, so a line that was short enough to be read is short enough when it is written again.
 */
void escape_text(char *buf, size_t size, const char *text, size_t len);

#endif
