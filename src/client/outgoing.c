#include "client/outgoing.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BLOCK ((size_t)65536)

/* A server that owes us more than this is not echoing; we wait for it rather than grow. */
#define IN_FLIGHT_MAX ((size_t)256 << 20)

size_t outgoing_unsent(const struct outgoing *o)
{
    return queue_length(&o->bytes) - o->in_flight;
}

bool outgoing_wants_more(const struct outgoing *o)
{
    return outgoing_unsent(o) < BLOCK && o->in_flight < IN_FLIGHT_MAX;
}

int outgoing_add(struct outgoing *o, const char *text, bool newline)
{
    int r = queue_append(&o->bytes, text, strlen(text));

    return r == 0 && newline ? queue_append(&o->bytes, "\n", 1) : r;
}

ssize_t outgoing_read(struct outgoing *o, int fd)
{
    char *room = queue_room(&o->bytes, BLOCK);

    if (!room)
        return -ENOMEM;
    ssize_t n = read(fd, room, BLOCK);
    if (n < 0)
        return -errno;
    queue_extend(&o->bytes, (size_t)n);
    return n;
}

ssize_t outgoing_send(struct outgoing *o, int sock)
{
    const char *unsent = queue_front(&o->bytes) + o->in_flight;
    ssize_t n = send(sock, unsent, outgoing_unsent(o), MSG_NOSIGNAL | MSG_DONTWAIT);

    if (n < 0)
        return -errno;
    if (o->keep)
        o->in_flight += (size_t)n;
    else
        queue_drop(&o->bytes, (size_t)n);
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

size_t outgoing_match(struct outgoing *o, const char *data, size_t len, int *expected)
{
    size_t comparable = len < o->in_flight ? len : o->in_flight;
    size_t same = first_difference(queue_front(&o->bytes), data, comparable);

    if (same < len)
        *expected = same < comparable ? (unsigned char)queue_front(&o->bytes)[same] : -1;
    queue_drop(&o->bytes, same);
    o->in_flight -= same;
    return same;
}

void outgoing_free(struct outgoing *o)
{
    queue_free(&o->bytes);
}
