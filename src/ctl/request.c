#include "ctl/request.h"

#include "base/span.h"
#include "base/util.h"
#include "net/address.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* A daemon that is healthy answers at once, but for a reload, which it gives 20 s. */
#define PATIENCE_SECONDS 30

static int connect_to(const char *path)
{
    struct timeval limit = {.tv_sec = PATIENCE_SECONDS};
    struct address address;
    int r = address_unix(&address, path);

    if (r < 0)
        return r;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    if (connect(fd, &address.sa, address.len) == 0)
        return fd;
    r = errno == EAGAIN ? -ETIMEDOUT : -errno;
    fd_close(&fd);
    return r;
}

static int send_line(int fd, const char *request)
{
    char *line;
    int len = asprintf(&line, "%s\n", request);

    if (len < 0)
        return -ENOMEM;
    ssize_t n = send(fd, line, (size_t)len, MSG_NOSIGNAL);
    free(line);
    return n == len ? 0 : n < 0 ? -errno : -EPROTO;
}

/* Reads until the end; *TEXT is the caller's. */
static int read_all(int fd, char **text)
{
    size_t size = 4096, used = 0;
    char *buf = memory_zeroed(size, 1);
    ssize_t n;

    while ((n = recv(fd, buf + used, size - used - 1, 0)) > 0) {
        used += (size_t)n;
        if (used + 1 < size)
            continue;
        size *= 2;
        char *grown = realloc(buf, size);
        if (!grown) {
            free(buf);
            return -ENOMEM;
        }
        buf = grown;
    }
    buf[used] = '\0';
    *text = buf;
    if (n == 0 || (used > 0 && errno == ECONNRESET)) /* an answer to what was not read */
        return 0;
    return errno == EAGAIN ? -ETIMEDOUT : -errno;
}

/* Takes the first line off, which says how it went. */
int answer_split(struct answer *answer)
{
    char *end = strchr(answer->memory, '\n');

    if (!end)
        return -EPROTO;
    *end = '\0';
    answer->text = end + 1;
    if (*answer->text && answer->text[strlen(answer->text) - 1] != '\n')
        return -EPROTO; /* it was cut off */
    if (strcmp(answer->memory, "ok") == 0)
        return 0;
    if (strncmp(answer->memory, "error", 5) != 0)
        return -EPROTO;
    answer->error = answer->memory[5] == ' ' ? answer->memory + 6 : answer->text;
    return 0;
}

int request_exchange(const char *path, const char *request, struct answer *answer)
{
    *answer = (struct answer){0};
    int fd = connect_to(path);
    if (fd < 0)
        return fd;
    int sent = send_line(fd, request);
    int r = sent == 0 || sent == -EPIPE ? read_all(fd, &answer->memory) : sent;
    fd_close(&fd);
    if (r == 0 && sent < 0 && *answer->memory == '\0')
        r = sent; /* nobody heard it; else he had an answer before he was asked: no */
    return r == 0 ? answer_split(answer) : r;
}

void answer_free(struct answer *answer)
{
    free(answer->memory);
    *answer = (struct answer){0};
}
