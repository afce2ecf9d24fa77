#include "config/inifile.h"

#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The largest file that is read: no real configuration is larger. */
#define SIZE_MAX_OF_FILE ((size_t)16 << 20)

struct reading {
    char *text; /* the whole file, of SIZE bytes */
    size_t size, next;
    char *line; /* the current line, NUL-terminated */
    unsigned number;
    bool awaiting_value; /* inih has a line with a value, and has not reported it yet */
    bool indented;       /* the current line is */
    unsigned last_malformed;
    const struct inifile_events *events;
    void *user;
};

static void malformed(struct reading *in, const char *reason)
{
    in->last_malformed = in->number;
    in->events->malformed(in->user, in->number, reason);
}

static void expected_option(struct reading *in)
{
    malformed(in, in->indented
                      ? "expected OPTION = VALUE: an indented line does not continue the one before"
                      : "expected OPTION = VALUE");
}

/* inih reports only the first bad line. A line without a call of take_value() is a bad line. */
static void expect_value(struct reading *in)
{
    if (in->awaiting_value)
        expected_option(in);
    in->awaiting_value = false;
}

/* inih does not report sections without values, and truncates names to 49 bytes. */
static const char *announce_section(struct reading *in, char *line)
{
    char *end = strchr(line, ']');

    if (!end) {
        malformed(in, "the section header has no closing ]");
        return "";
    }
    const char *rest = end + 1 + strspn(end + 1, " \t\r\n");
    if (*rest && *rest != ';' && *rest != '#')
        malformed(in, "unexpected text after the ] of the section header");
    *end = '\0';
    in->events->section(in->user, in->number, line + 1);
    return "";
}

/* Checks the current line, of LENGTH bytes. Returns the text for inih, which may be empty. */
static const char *inspect(struct reading *in, size_t length, size_t limit)
{
    char *line = in->line;

    if (strlen(line) < length) {
        malformed(in, "the line contains a NUL byte: the file must be text, in UTF-8 or ASCII; "
                      "the rest of it was not read");
        in->next = in->size;
        return "";
    }
    if (in->number == 1 && strncmp(line, "\xef\xbb\xbf", 3) == 0)
        line += 3;
    /* inih would take an indented line for the continuation of the previous one. */
    size_t indentation = strspn(line, " \t\r\n\v\f");
    in->indented = indentation > 0;
    line += indentation;
    /* Includes the newline even if the last line has none, because a dump adds it. */
    if (strcspn(line, "\n") + 1 >= limit) {
        malformed(in, "the line is longer than 198 bytes; a list may be split over several lines");
        return "";
    }
    if (*line == '[')
        return announce_section(in, line);
    in->awaiting_value = *line && !strchr(";#", *line);
    return line;
}

/* An ini_reader: fills BUF with the next line as fgets(3) would. */
static char *next_line(char *buf, int size, void *stream)
{
    struct reading *in = stream;

    expect_value(in);
    if (in->next == in->size)
        return NULL;
    const char *start = in->text + in->next, *end = memchr(start, '\n', in->size - in->next);
    size_t length = end ? (size_t)(end - start) + 1 : in->size - in->next;
    free(in->line);
    in->line = text_copy_n(start, length);
    in->next += length;
    in->number++;
    snprintf(buf, (size_t)size, "%s", inspect(in, length, (size_t)size));
    return buf;
}

/* An ini_handler. Ignores the section name of inih, which may be truncated. */
static int take_value(void *user, const char *section, const char *key, const char *value)
{
    struct reading *in = user;

    (void)section;
    in->awaiting_value = false;
    if (*key)
        in->events->value(in->user, in->number, key, value);
    else
        expected_option(in);
    return 1;
}

static int read_lines(struct reading *in)
{
    /* IN is both the stream of the reader and the user pointer of the handler. */
    int r = ini_parse_stream(next_line, in, take_value, in);

    if (r < 0)
        return -ENOMEM;
    if (r > 0 && in->last_malformed == 0) {
        in->number = (unsigned)r;
        malformed(in, "cannot parse this line");
    }
    return 0;
}

/* Reads FD to its end. */
static int read_whole(struct reading *in, int fd)
{
    size_t room = 0;
    ssize_t n = 1;

    while (n != 0) {
        if (in->size == SIZE_MAX_OF_FILE)
            return -EFBIG;
        if (in->size == room) {
            room = room ? 2 * room : 4096;
            char *grown = realloc(in->text, room);
            if (!grown)
                return -ENOMEM;
            in->text = grown;
        }
        n = read(fd, in->text + in->size, room - in->size);
        if (n < 0 && errno != EINTR)
            return -errno;
        in->size += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

/* Opens pipes as well, for "echod --config <(generate)". */
static int open_file(const char *path)
{
    if (!file_is_descriptor(path))
        return file_open(path, O_RDONLY, 0);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    return fd < 0 ? -errno : fd;
}

int inifile_read(const char *path, const struct inifile_events *events, void *user)
{
    struct reading in = {.events = events, .user = user};
    int fd = open_file(path);

    if (fd < 0)
        return fd;
    int r = read_whole(&in, fd);
    if (r == 0)
        r = read_lines(&in);
    free(in.text);
    free(in.line);
    fd_close(&fd);
    return r;
}
