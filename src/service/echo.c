#include "service/service.h"

/* Measured: doubling it again brings a fifth more bulk rate, halving it costs little. Only the
 * pages that a client fills cost memory. */
#define BUFFER_SIZE (64 * 1024)

/* While a client does not read, the send blocks and nothing more is received: that is all the
 * flow control it takes. A packet is sent back as one. */
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
