#include "worker/service.h"

#include <time.h>

/* RFC 867 leaves the form to the server: this is RFC 3339, which no reader can misunderstand. */
int serve_daytime(struct stream *stream, const struct job *job)
{
    char line[64];
    time_t now = time(NULL);
    struct tm tm;

    (void)job;
    gmtime_r(&now, &tm);
    size_t len = strftime(line, sizeof(line), "%Y-%m-%dT%H:%M:%SZ\r\n", &tm);
    int r = stream_send(stream, line, len);
    return r < 0 ? r : END_DONE;
}
