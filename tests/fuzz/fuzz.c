#include "base/macros.h"
#include "base/text.h"
#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

uint8_t *fuzz_copy(const void *data, size_t size)
{
    uint8_t *copy = malloc(size);

    fuzz_check(copy || size == 0);
    if (size > 0)
        memcpy(copy, data, size);
    return copy;
}

char *fuzz_text(const void *data, size_t size)
{
    return text_copy_n(data, size);
}

uint8_t fuzz_choice(const uint8_t **data, size_t *size)
{
    if (*size == 0)
        return 0;
    --*size;
    return *(*data)++;
}

void fuzz_output_open(struct fuzz_output *output)
{
    output->file = open_memstream(&output->text, &output->size);
    fuzz_check(output->file);
}

char *fuzz_output_close(struct fuzz_output *output)
{
    fuzz_check(fclose(output->file) == 0);
    return output->text;
}

int fuzz_file(const void *data, size_t size, char path[FUZZ_PATH_MAX])
{
    int fd = memfd_create("echod-fuzz", MFD_CLOEXEC);

    fuzz_check(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    snprintf(path, FUZZ_PATH_MAX, "/proc/self/fd/%d", fd);
    return fd;
}

/* ---- UTF-8, independent of the code under test ---- */

/* Returns the code point at *TEXT, and advances *TEXT past it; -1 if it is malformed. */
static int32_t next_point(const unsigned char **text)
{
    static const struct {
        unsigned char low, high; /* range of the first byte */
        int more;
        int32_t least;
    } kinds[] = {{0x00, 0x7f, 0, 0},
                 {0xc0, 0xdf, 1, 0x80},
                 {0xe0, 0xef, 2, 0x800},
                 {0xf0, 0xf7, 3, 0x10000}};
    unsigned char first = *(*text)++;

    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        if (first < kinds[i].low || first > kinds[i].high)
            continue;
        int32_t point = first - kinds[i].low;
        for (int n = 0; n < kinds[i].more; n++) {
            if ((**text & 0xc0) != 0x80)
                return -1;
            point = point * 64 + (*(*text)++ & 0x3f);
        }
        bool surrogate = point >= 0xd800 && point < 0xe000;
        return point < kinds[i].least || point > 0x10ffff || surrogate ? -1 : point;
    }
    return -1;
}

bool fuzz_is_utf8(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;

    while (*p)
        if (next_point(&p) < 0)
            return false;
    return true;
}

bool fuzz_is_printable(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;

    while (*p) {
        int32_t point = next_point(&p);
        bool control = point < 0x20 || (point >= 0x7f && point < 0xa0);
        bool turns = point == 0x061c || point == 0x200e || point == 0x200f ||
                     (point >= 0x2028 && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069);
        if ((control || turns) && point != '\n' && point != '\t')
            return false;
    }
    return true;
}
