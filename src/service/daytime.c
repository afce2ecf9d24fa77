#include "service/daytime.h"

#include "service/service.h"

#include <time.h>

/* RFC 867 leaves the format to the server. This one is RFC 3339, which is unambiguous. */
size_t daytime_format(char *buf, size_t size)
{
    time_t now = time(NULL);
    struct tm tm;

    gmtime_r(&now, &tm);
    return strftime(buf, size, "%Y-%m-%dT%H:%M:%SZ\r\n", &tm);
}

int serve_daytime(struct stream *stream, const struct session *session)
{
    char line[DAYTIME_SIZE];
    size_t len = daytime_format(line, sizeof(line));
    int r = stream_send(stream, line, len);

    (void)session;
    return r < 0 ? r : END_DONE;
}
