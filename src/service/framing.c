#include "service/framing.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

char *framing_room(struct framing *framing, size_t *size)
{
    memmove(framing->buf, framing->buf + framing->next, framing->used - framing->next);
    framing->used -= framing->next;
    framing->next = 0;
    *size = framing->max + FRAMING_EXTRA - framing->used;
    return framing->buf + framing->used;
}

void framing_filled(struct framing *framing, size_t count)
{
    framing->used += count;
}

int framing_next(struct framing *framing, struct message *message)
{
    const char *start = framing->buf + framing->next;
    size_t left = framing->used - framing->next;
    const char *end = memchr(start, '\n', left);
    size_t len = end ? (size_t)(end - start) : left;
    size_t taken = len + 1;

    if (len > 0 && start[len - 1] == '\r')
        len--; /* perhaps the CR of a CR LF whose LF has not arrived yet */
    if (len > framing->max)
        return -EMSGSIZE;
    if (!end)
        return 0;
    *message = (struct message){.data = start, .len = len};
    framing->next += taken;
    return 1;
}

int framing_rest(struct framing *framing, struct message *message)
{
    *message = (struct message){.data = framing->buf + framing->next,
                                .len = framing->used - framing->next};
    framing->next = framing->used;
    bool some = message->len > 0;
    if (some && message->data[message->len - 1] == '\r')
        message->len--; /* the stream ended within a CR LF */
    return some;
}

int framing_whole(const char *data, size_t len, size_t max, struct message *message)
{
    if (len > 0 && data[len - 1] == '\n')
        len -= len > 1 && data[len - 2] == '\r' ? 2 : 1;
    *message = (struct message){.data = data, .len = len};
    return len > max ? -EMSGSIZE : 0;
}
