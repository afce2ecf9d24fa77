#include "service/service.h"

/* Measured: twice as much increases the bulk rate by a fifth, half as much costs little. Only pages
 * that a client fills take memory. */
#define BUFFER_SIZE (64 * 1024)

/* If a client does not read, sending blocks and nothing more is received, which is all the flow
 * control that is needed. A packet is sent back as one packet. */
int serve_echo(struct stream *stream, const struct session *session)
{
    static _Alignas(64) char buf[BUFFER_SIZE];
    ssize_t n;

    (void)session;
    while ((n = stream_receive(stream, buf, sizeof(buf), 0)) > 0) {
        int r = stream_send(stream, buf, (size_t)n);
        if (r < 0)
            return r;
    }
    return (int)n;
}
