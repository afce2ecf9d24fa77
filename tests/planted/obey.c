/*
 * A service that executes its client's commands, in place of echo and message. It simulates a
 * worker under the control of an attacker. Only a fork server for tests is linked with it, not the
 * one that is installed.
 *
 * Each command is a line, and so is its answer. Numbers are written as in C, bytes in hexadecimal:
 *
 *   PID                    the process ID
 *   SLOT                   the address of its slot
 *   BUFFER                 the address of memory for arguments of calls, BUFFER_SIZE bytes
 *   READ ADDRESS LENGTH    the bytes there
 *   WRITE ADDRESS BYTES    writes the bytes
 *   SYSCALL NUMBER A B C D E F     the return value, and errno
 *   SYSCALL32 NUMBER       the same through the 32-bit entry, on architectures that have one
 *   OVERFLOW BYTES         copies the bytes to a buffer on the stack that is too small
 *   CRASH                  writes to unmapped memory
 *   ABORT                  abort(3)
 *
 * It also echoes "e": the daemon tests with it whether a worker works before it serves clients.
 */
#include "service/service.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LINE_SIZE 16384
#define BUFFER_SIZE 8192
#define OVERFLOW_ROOM 64
#define SYSCALL_ARGUMENTS 6

struct obedience {
    struct stream *stream;
    const struct session *session;
    char line[LINE_SIZE]; /* received so far */
    size_t used;
    char reply[LINE_SIZE];
    char bytes[LINE_SIZE / 2];
    size_t count;
};

static _Alignas(16) char buffer[BUFFER_SIZE];

static void parse_bytes(struct obedience *o, const char *hex)
{
    unsigned byte;

    o->count = 0;
    while (sscanf(hex, " %2x", &byte) == 1) {
        o->bytes[o->count++] = (char)byte;
        hex += strspn(hex, " ") + 2;
    }
}

/* After BUF on the stack come the canary and the return address. */
__attribute__((noinline)) static int overflow(const char *data, size_t len)
{
    char buf[OVERFLOW_ROOM];
    volatile char *to = buf;

    for (size_t i = 0; i < len; i++)
        to[i] = data[i];
    return to[0];
}

static void make_syscall(struct obedience *o, const char *text)
{
    long number, a[SYSCALL_ARGUMENTS] = {0};
    char *end;

    number = (long)strtoull(text, &end, 0);
    for (size_t i = 0; i < SYSCALL_ARGUMENTS; i++) {
        bool negative = end[strspn(end, " ")] == '-';
        a[i] = negative ? strtol(end, &end, 0) : (long)strtoull(end, &end, 0);
    }
    errno = 0;
    long result = syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    snprintf(o->reply, sizeof(o->reply), "%ld %d", result, errno);
}

static void make_syscall_32(struct obedience *o, const char *text)
{
#if defined(__x86_64__)
    long result = strtol(text, NULL, 0);

    __asm__ volatile("int $0x80"
                     : "+a"(result)
                     : "b"(0), "c"(0), "d"(0), "S"(0), "D"(0)
                     : "memory", "r8", "r9", "r10", "r11");
    snprintf(o->reply, sizeof(o->reply), "%ld 0", result);
#else
    (void)text;
    snprintf(o->reply, sizeof(o->reply), "none");
#endif
}

static void read_memory(struct obedience *o, const char *text)
{
    char *end;
    const unsigned char *from = (const unsigned char *)(uintptr_t)strtoull(text, &end, 0);
    size_t len = strtoull(end, NULL, 0);

    o->reply[0] = '\0';
    for (size_t i = 0; i < len && 2 * i + 2 < sizeof(o->reply); i++)
        snprintf(o->reply + 2 * i, 3, "%02x", from[i]);
}

static void write_memory(struct obedience *o, const char *text)
{
    char *end;
    char *to = (char *)(uintptr_t)strtoull(text, &end, 0);

    parse_bytes(o, end);
    memcpy(to, o->bytes, o->count);
}

static void do_overflow(struct obedience *o, const char *text)
{
    parse_bytes(o, text);
    overflow(o->bytes, o->count);
}

static void do_crash(struct obedience *o, const char *text)
{
    (void)o;
    (void)text;
    *(volatile char *)sizeof(*o) = 0;
}

static void do_abort(struct obedience *o, const char *text)
{
    (void)o;
    (void)text;
    abort();
}

static void reply_pid(struct obedience *o, const char *text)
{
    (void)text;
    snprintf(o->reply, sizeof(o->reply), "%ld", syscall(SYS_getpid));
}

static void reply_slot(struct obedience *o, const char *text)
{
    (void)text;
    snprintf(o->reply, sizeof(o->reply), "%" PRIuPTR, (uintptr_t)o->session->slot);
}

static void reply_buffer(struct obedience *o, const char *text)
{
    (void)text;
    snprintf(o->reply, sizeof(o->reply), "%" PRIuPTR, (uintptr_t)buffer);
}

static const struct {
    const char *name;
    void (*obey)(struct obedience *o, const char *text);
} commands[] = {
    {"PID", reply_pid},        {"SLOT", reply_slot},           {"BUFFER", reply_buffer},
    {"READ", read_memory},     {"WRITE", write_memory},        {"SYSCALL", make_syscall},
    {"OVERFLOW", do_overflow}, {"SYSCALL32", make_syscall_32}, {"CRASH", do_crash},
    {"ABORT", do_abort},
};

static int obey(struct obedience *o, char *line)
{
    char *text = line + strcspn(line, " ");

    if (*text)
        *text++ = '\0';
    snprintf(o->reply, sizeof(o->reply), "?");
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        if (strcmp(line, commands[i].name) != 0)
            continue;
        snprintf(o->reply, sizeof(o->reply), "OK");
        commands[i].obey(o, text);
    }
    strcat(o->reply, "\n");
    return stream_send(o->stream, o->reply, strlen(o->reply));
}

/* Executes all complete lines. Returns 0 or -errno. */
static int obey_all(struct obedience *o)
{
    char *end;
    int r = 0;

    while (r == 0 && (end = memchr(o->line, '\n', o->used)) != NULL) {
        size_t len = (size_t)(end + 1 - o->line);
        *end = '\0';
        r = obey(o, o->line);
        o->used -= len;
        memmove(o->line, end + 1, o->used);
    }
    return r;
}

static int answer_self_test(struct obedience *o)
{
    o->used = 0;
    return stream_send(o->stream, o->line, 1);
}

static int serve(struct stream *stream, const struct session *session)
{
    static struct obedience o;
    ssize_t n;

    o.stream = stream;
    o.session = session;
    while ((n = stream_receive(stream, o.line + o.used, sizeof(o.line) - o.used, 0)) > 0) {
        o.used += (size_t)n;
        int r = o.line[0] == 'e' ? answer_self_test(&o) : obey_all(&o);
        if (r < 0)
            return r;
    }
    return (int)n;
}

int serve_echo(struct stream *stream, const struct session *session)
{
    return serve(stream, session);
}

int serve_message(struct stream *stream, const struct session *session)
{
    return serve(stream, session);
}
