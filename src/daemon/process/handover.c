#include "daemon/process/handover.h"

#include "base/fd.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FIRST_WORD "echod-handover "
#define FIRST_LINE FIRST_WORD "3\n"

/* ---- writing ---- */

int handover_begin(struct handover *handover)
{
    *handover = (struct handover){.fd = memfd_create("echod-handover", MFD_CLOEXEC)};
    int copy = handover->fd < 0 ? -1 : fcntl(handover->fd, F_DUPFD_CLOEXEC, 0);

    handover->to = copy < 0 ? NULL : fdopen(copy, "we");
    int error = handover->to ? 0 : errno;
    if (!handover->to) {
        fd_close(&copy);
        handover_close(handover);
        return -error;
    }
    fputs(FIRST_LINE, handover->to);
    return 0;
}

void handover_add(struct handover *handover, int fd)
{
    int *grown = fd < 0 ? NULL : reallocarray(handover->fds, handover->count + 1, sizeof(*grown));

    if (fd >= 0 && !grown)
        handover->error = ENOMEM;
    if (!grown)
        return;
    handover->fds = grown;
    handover->fds[handover->count++] = fd;
}

int handover_end(struct handover *handover)
{
    errno = 0;
    bool whole = fflush(handover->to) == 0 && !ferror(handover->to);
    int error = whole ? 0 : errno ? errno : EIO;

    if (fclose(handover->to) != 0 && error == 0)
        error = errno;
    handover->to = NULL;
    return -(error ? error : handover->error);
}

static void set_passing(int fd, bool pass)
{
    fcntl(fd, F_SETFD, pass ? 0 : FD_CLOEXEC);
}

void handover_pass(const struct handover *handover, bool pass)
{
    for (size_t i = 0; i < handover->count; i++)
        set_passing(handover->fds[i], pass);
    set_passing(handover->fd, pass);
}

void handover_close(struct handover *handover)
{
    if (handover->to)
        fclose(handover->to);
    handover->to = NULL;
    fd_close(&handover->fd);
    free(handover->fds);
    handover->fds = NULL;
}

/* ---- reading ---- */

void handover_take(int fd)
{
    if (fd >= 0)
        set_passing(fd, false);
}

/* Whether FD was created by handover_begin() of any version. */
static bool is_handover(int fd)
{
    char line[sizeof(FIRST_WORD)] = "";

    return pread(fd, line, sizeof(line) - 1, 0) > 0 && strcmp(line, FIRST_WORD) == 0;
}

int handover_find(void)
{
    const char *text = getenv(HANDOVER_VARIABLE);
    uint64_t number;

    if (!text)
        return -1;
    if (number_parse(text, &number) < 0 || number > INT32_MAX || !is_handover((int)number)) {
        fprintf(stderr, "echod: " HANDOVER_VARIABLE " is set, but not by echod: unset it\n");
        return -1;
    }
    unsetenv(HANDOVER_VARIABLE);
    handover_take((int)number);
    return (int)number;
}

int handover_number(int fd, const char *format)
{
    char line[512];
    int copy = lseek(fd, 0, SEEK_SET) < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0), number = -1;
    FILE *from = copy < 0 ? NULL : fdopen(copy, "re");

    if (!from) {
        fd_close(&copy);
        return -1;
    }
    while (number < 0 && fgets(line, sizeof(line), from))
        if (sscanf(line, format, &number) != 1)
            number = -1;
    fclose(from);
    return number;
}

FILE *handover_read(int fd)
{
    char line[sizeof(FIRST_LINE)];
    FILE *from = fdopen(fd, "re");

    if (!from) {
        fd_close(&fd);
        return NULL;
    }
    rewind(from);
    if (fgets(line, sizeof(line), from) && strcmp(line, FIRST_LINE) == 0)
        return from;
    fclose(from);
    errno = EPROTO;
    return NULL;
}

bool handover_is(const char *line, const char *word)
{
    return strncmp(line, word, strlen(word)) == 0;
}
