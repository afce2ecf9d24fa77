#include "client/io/display.h"

#include "base/escape.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/memory.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Returns the length of the UTF-8 sequence that LEAD begins: 0 for a continuation byte, 1 for an
 * invalid one. */
static size_t promised_length(unsigned char lead)
{
    if ((lead & 0xc0) == 0x80)
        return 0;
    if (lead < 0xc0)
        return 1;
    if (lead < 0xe0)
        return 2;
    if (lead < 0xf0)
        return 3;
    return lead < 0xf8 ? 4 : 1;
}

/* Returns how many bytes at the end of DATA may be an incomplete sequence: 0 to 3. */
static size_t unfinished_tail(const char *data, size_t len)
{
    for (size_t tail = 1; tail <= 3 && tail <= len; tail++) {
        size_t promised = promised_length((unsigned char)data[len - tail]);
        if (promised > 0)
            return promised > tail ? tail : 0;
    }
    return 0;
}

/* Writes the first LEN held bytes as a JSON object. */
static int put_held(struct display *d, size_t len)
{
    char *object = NULL, *text = memory_zeroed(1, ESCAPED_SIZE(len));
    size_t size = 0;
    FILE *to = open_memstream(&object, &size);

    escape_bytes(text, byte_queue_front(&d->held), len, "\n\t\r");
    if (to) {
        fprintf(to, "{\"type\": \"reply\", \"bytes\": %zu, \"text\": ", len);
        json_string(text, to);
        fputs("}\n", to);
    }
    int r = to && fclose(to) == 0 ? byte_queue_append(&d->text, object, size) : -ENOMEM;
    byte_queue_drop(&d->held, len);
    free(object);
    free(text);
    return r;
}

/* Writes the first LEN held bytes, escaped. */
static int show_held(struct display *d, size_t len)
{
    if (len == 0)
        return 0;
    if (d->json)
        return put_held(d, len);
    char *room = byte_queue_room(&d->text, ESCAPED_SIZE(len));
    if (!room)
        return -ENOMEM;
    byte_queue_extend(&d->text, escape_bytes(room, byte_queue_front(&d->held), len, "\n\t"));
    byte_queue_drop(&d->held, len);
    return 0;
}

int display_take(struct display *d, const char *data, size_t len)
{
    if (!d->escape && !d->json)
        return byte_queue_append(&d->text, data, len);
    if (byte_queue_append(&d->held, data, len) < 0)
        return -ENOMEM;
    size_t held = byte_queue_length(&d->held);
    return show_held(d, held - unfinished_tail(byte_queue_front(&d->held), held));
}

int display_end(struct display *d)
{
    return show_held(d, byte_queue_length(&d->held));
}

bool display_pending(const struct display *d)
{
    return byte_queue_length(&d->text) > 0;
}

int display_write(struct display *d)
{
    size_t len = byte_queue_length(&d->text);
    /* After POLLOUT, a pipe takes PIPE_BUF bytes without blocking. O_NONBLOCK must not be set,
     * because the descriptor may be shared with a shell. */
    ssize_t n = write(d->fd, byte_queue_front(&d->text), len < PIPE_BUF ? len : PIPE_BUF);

    if (n < 0)
        return errno == EINTR || errno == EAGAIN ? 0 : -errno;
    byte_queue_drop(&d->text, (size_t)n);
    return 0;
}

int display_write_all(struct display *d)
{
    size_t len = byte_queue_length(&d->text);
    int r = len > 0 ? fd_write_all(d->fd, byte_queue_front(&d->text), len) : 0;

    byte_queue_drop(&d->text, len);
    return r;
}

void display_free(struct display *d)
{
    byte_queue_free(&d->held);
    byte_queue_free(&d->text);
}
