#include "service/service.h"

#define FIRST ' '
#define PRINTABLE 95 /* the number of ASCII characters from space to tilde */
#define COLUMNS 72
#define LINE (COLUMNS + 2)

/* One period of the pattern: a line for each character that it begins with. */
struct pattern {
    char bytes[PRINTABLE * LINE];
};

static void make_pattern(struct pattern *pattern)
{
    char *out = pattern->bytes;

    for (int line = 0; line < PRINTABLE; line++) {
        for (int column = 0; column < COLUMNS; column++)
            *out++ = (char)(FIRST + (line + column) % PRINTABLE);
        *out++ = '\r';
        *out++ = '\n';
    }
}

int serve_chargen(struct stream *stream, const struct session *session)
{
    struct pattern pattern;
    size_t sent = 0;
    ssize_t n;

    (void)session;
    make_pattern(&pattern);
    while ((n = stream_pour(stream, pattern.bytes + sent, sizeof(pattern.bytes) - sent)) > 0)
        sent = (sent + (size_t)n) % sizeof(pattern.bytes);
    return (int)n;
}
