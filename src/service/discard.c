#include "service/service.h"

int serve_discard(struct stream *stream, const struct session *session)
{
    static char buf[64 * 1024];
    ssize_t n;

    (void)session;
    do
        n = stream_receive(stream, buf, sizeof(buf), 0);
    while (n > 0);
    return (int)n;
}
