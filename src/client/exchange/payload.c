#include "client/exchange/payload.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BLOCK ((size_t)65536)

/* The most unanswered bytes. Beyond that, sending waits for the server. */
#define IN_FLIGHT_MAX ((size_t)256 << 20)

size_t payload_unsent(const struct payload *o)
{
    return byte_queue_length(&o->bytes) - o->in_flight;
}

bool payload_wants_more(const struct payload *o)
{
    return payload_unsent(o) < BLOCK && o->in_flight < IN_FLIGHT_MAX;
}

int payload_add(struct payload *o, const char *text, bool newline)
{
    int r = byte_queue_append(&o->bytes, text, strlen(text));

    return r == 0 && newline ? byte_queue_append(&o->bytes, "\n", 1) : r;
}

ssize_t payload_read(struct payload *o, int fd)
{
    char *room = byte_queue_room(&o->bytes, BLOCK);

    if (!room)
        return -ENOMEM;
    ssize_t n = read(fd, room, BLOCK);
    if (n < 0)
        return -errno;
    byte_queue_extend(&o->bytes, (size_t)n);
    return n;
}

ssize_t payload_send(struct payload *o, int sock)
{
    const char *unsent = byte_queue_front(&o->bytes) + o->in_flight;
    ssize_t n = send(sock, unsent, payload_unsent(o), MSG_NOSIGNAL | MSG_DONTWAIT);

    if (n < 0)
        return -errno;
    if (o->keep)
        o->in_flight += (size_t)n;
    else
        byte_queue_drop(&o->bytes, (size_t)n);
    o->sent += (uint64_t)n;
    return n;
}

static size_t first_difference(const char *a, const char *b, size_t len)
{
    size_t i = 0;

    if (len == 0 || memcmp(a, b, len) == 0)
        return len;
    while (a[i] == b[i])
        i++;
    return i;
}

size_t payload_match(struct payload *o, const char *data, size_t len, int *expected)
{
    size_t comparable = len < o->in_flight ? len : o->in_flight;
    size_t same = first_difference(byte_queue_front(&o->bytes), data, comparable);

    if (same < len)
        *expected = same < comparable ? (unsigned char)byte_queue_front(&o->bytes)[same] : -1;
    byte_queue_drop(&o->bytes, same);
    o->in_flight -= same;
    return same;
}

void payload_free(struct payload *o)
{
    byte_queue_free(&o->bytes);
}
