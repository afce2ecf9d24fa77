/*
 * A record from a worker to the scribe, which trusts no worker: its fields are read within its
 * bounds, and a copied field cannot forge another field or line. The first byte of the input is the
 * room for the copy.
 */
#include "log/record.h"

#include "base/escape.h"

#include "fuzz.h"

/* Copies the fields of the LEN bytes at DATA. */
static void copy_fields(const char *data, size_t len, struct record *to)
{
    for (const char *f = NULL; (f = record_next(data, len, f)) != NULL;) {
        size_t room = to->size - to->used, size = strlen(f) + 1;
        fuzz_check(f >= data && f + size <= data + len);
        record_add_escaped(to, f, "\\\t");
        size_t left = to->size - to->used;
        fuzz_check(left <= room && (left < room) == (ESCAPED_SIZE(size - 1) <= room));
    }
}

/* The copy has the fields of DATA that fit, with the same names, and no control characters. */
static void check_copy(const char *data, size_t len, const struct record *copy)
{
    const char *from = NULL, *f = NULL;
    size_t room = copy->size;

    while ((from = record_next(data, len, from)) != NULL) {
        if (ESCAPED_SIZE(strlen(from)) > room)
            continue;
        f = record_next(copy->data, copy->used, f);
        fuzz_check(f && strlen(f) >= strlen(from));
        fuzz_check(fuzz_is_utf8(f) && fuzz_is_printable(f) && !strchr(f, '\n'));
        room -= strlen(f) + 1;
    }
    fuzz_check(record_next(copy->data, copy->used, f) == NULL);
}

/* record_get() finds the first field of a name, or none. */
static void check_get(const char *data, size_t len, const char *name)
{
    const char *value = record_get(data, len, name), *f = NULL;
    size_t length = strlen(name);

    while ((f = record_next(data, len, f)) != NULL)
        if (strncmp(f, name, length) == 0 && f[length] == '=')
            break;
    fuzz_check(value == (f ? f + length + 1 : NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t room = 1 + 4 * (size_t)fuzz_choice(&data, &size);
    char *record = (char *)fuzz_copy(data, size), *buf = malloc(room);
    struct record copy = {.data = buf, .size = room};

    fuzz_check(buf);
    copy_fields(record, size, &copy);
    check_copy(record, size, &copy);
    check_get(record, size, "MESSAGE");
    check_get(record, size, "");
    free(record);
    free(buf);
    return 0;
}
