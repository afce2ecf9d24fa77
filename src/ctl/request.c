#include "ctl/request.h"

#include "base/clock.h"
#include "base/escape.h"
#include "base/fd.h"
#include "base/memory.h"
#include "net/address.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* The daemon replies at once, except to a reload, which may take 20 s. */
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

/* Limits the next recv(2) to DEADLINE (clock_now()). */
static int limit_wait(int fd, uint64_t deadline)
{
    uint64_t now = clock_now(), left = deadline > now ? deadline - now : 0;
    struct timeval limit = {.tv_sec = (time_t)(left / USEC_PER_SEC),
                            .tv_usec = (suseconds_t)(left % USEC_PER_SEC)};

    if (left == 0)
        return -ETIMEDOUT;
    return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0 ? -errno : 0;
}

/* Grows *BUF, of *SIZE bytes, to make room for more than USED bytes and a NUL, up to LIMIT. */
static int make_room(char **buf, size_t *size, size_t used, size_t limit)
{
    if (used > limit)
        return -EMSGSIZE;
    if (used + 1 < *size)
        return 0;
    char *grown = realloc(*buf, 2 * *size);
    if (!grown)
        return -ENOMEM;
    *buf = grown;
    *size *= 2;
    return 0;
}

/* Reads up to the end. The caller frees *TEXT in any case. Returns its length, or -errno. */
static ssize_t read_all(int fd, size_t limit, char **text)
{
    uint64_t deadline = clock_now() + PATIENCE_SECONDS * USEC_PER_SEC;
    size_t size = 4096, used = 0;
    ssize_t n = 1;

    *text = memory_zeroed(size, 1);
    while (n > 0) {
        int r = make_room(text, &size, used, limit);
        if (r == 0)
            r = limit_wait(fd, deadline);
        if (r < 0)
            return r;
        n = recv(fd, *text + used, size - used - 1, 0);
        used += n > 0 ? (size_t)n : 0;
    }
    (*text)[used] = '\0';
    if (n == 0 || (used > 0 && errno == ECONNRESET)) /* reset: it has not read our request */
        return (ssize_t)used;
    return errno == EAGAIN ? -ETIMEDOUT : -errno;
}

static bool is_harmless(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if ((text[i] < ' ' || text[i] > '~') && text[i] != '\n' && text[i] != '\t')
            return false;
    return true;
}

void answer_escape(struct answer *answer, size_t size)
{
    if (is_harmless(answer->memory, size))
        return;
    char *safe = memory_zeroed(ESCAPED_SIZE(size), 1);
    escape_bytes(safe, answer->memory, size, "\n\t\\"); /* keeps escapes that the daemon has made */
    free(answer->memory);
    answer->memory = safe;
}

/* Removes the first line, which is the status of the reply. */
int answer_split(struct answer *answer)
{
    char *end = strchr(answer->memory, '\n');

    if (!end)
        return -EPROTO;
    *end = '\0';
    answer->text = end + 1;
    if (*answer->text && answer->text[strlen(answer->text) - 1] != '\n')
        return -EPROTO; /* cut off */
    if (strcmp(answer->memory, "ok") == 0)
        return 0;
    if (strncmp(answer->memory, "error", 5) != 0)
        return -EPROTO;
    answer->error = answer->memory[5] == ' ' ? answer->memory + 6 : answer->text;
    return 0;
}

int request_exchange(const char *path, const char *request, size_t limit, struct answer *answer)
{
    *answer = (struct answer){0};
    int fd = connect_to(path);
    if (fd < 0)
        return fd;
    socklen_t len = sizeof(answer->by);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &answer->by, &len) < 0)
        answer->by = (struct ucred){0};
    int sent = send_line(fd, request);
    ssize_t size = sent == 0 || sent == -EPIPE ? read_all(fd, limit, &answer->memory) : sent;
    fd_close(&fd);
    if (size == 0 && sent < 0)
        return sent; /* a refusal may have been sent before the request was read */
    if (size < 0)
        return (int)size;
    answer_escape(answer, (size_t)size);
    return answer_split(answer);
}

void answer_free(struct answer *answer)
{
    free(answer->memory);
    *answer = (struct answer){0};
}
