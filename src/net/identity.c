#include "net/identity.h"

#include "base/memory.h"

#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

_Static_assert(sizeof(((struct identity *)0)->bytes) > sizeof(((struct sockaddr_un *)0)->sun_path),
               "no room for a path");

/* By the file at PATH or, if there is none, by its directory and name. */
static void identify_path(struct identity *identity, const char *path)
{
    char copy[sizeof(identity->bytes)], directory[sizeof(copy)];
    struct stat st;

    memcpy(copy, path, strlen(path) + 1);
    memcpy(directory, path, strlen(path) + 1);
    if (stat(path, &st) == 0)
        copy[0] = '\0'; /* the file identifies it, under any name */
    else if (stat(dirname(directory), &st) == 0)
        memmove(copy, basename(copy), strlen(basename(copy)) + 1);
    else
        st = (struct stat){0};
    identity->device = st.st_dev;
    identity->inode = st.st_ino;
    memcpy(identity->bytes, copy, strlen(copy));
}

static void identify_unix(struct identity *identity, const struct address *a)
{
    char path[sizeof(a->un.sun_path) + 1] = "";
    size_t len = a->len > offsetof(struct sockaddr_un, sun_path)
                     ? a->len - offsetof(struct sockaddr_un, sun_path)
                     : 0;

    memcpy(path, a->un.sun_path, len);
    if (len > 0 && path[0])
        identify_path(identity, path);
    else
        memcpy(identity->bytes, path, len);
    /* The length distinguishes abstract names that differ only in trailing NUL bytes. */
    identity->scope = path[0] ? 0 : (uint32_t)len;
}

struct identity identity_of(const struct address *a)
{
    struct identity identity;
    size_t count = 0;
    const uint8_t *bytes = address_bytes(a, &count);

    memset(&identity, 0, sizeof(identity)); /* clears the padding for memcmp(3), too */
    identity.family = a->sa.sa_family;
    if (!bytes) {
        identify_unix(&identity, a);
        return identity;
    }
    identity.port = address_port(a);
    identity.scope = a->sa.sa_family == AF_INET6 ? a->in6.sin6_scope_id : 0;
    memcpy(identity.bytes, bytes, count);
    return identity;
}

void identity_set_name(struct identity *identity, const char *name)
{
    identity->port = 0;
    memcpy(identity->bytes + 16, name, strnlen(name, 64));
}

int identity_compare(const struct identity *a, const struct identity *b)
{
    return memcmp(a, b, sizeof(*a));
}

bool identity_same(const struct address *a, const struct address *b)
{
    struct identity first = identity_of(a), second = identity_of(b);

    return identity_compare(&first, &second) == 0;
}

/* ---- an index ---- */

void identity_index_add(struct identity_index *index, const struct identity *identity,
                        size_t number)
{
    index->entry = array_append(index->entry, &index->count, sizeof(*index->entry));
    index->entry[index->count - 1] =
        (struct identity_entry){.identity = *identity, .number = number};
}

static int compare_entries(const void *a, const void *b)
{
    const struct identity_entry *first = a, *second = b;
    int r = identity_compare(&first->identity, &second->identity);

    return r ? r : (first->number > second->number) - (first->number < second->number);
}

void identity_index_sort(struct identity_index *index)
{
    if (index->count > 0)
        qsort(index->entry, index->count, sizeof(*index->entry), compare_entries);
}

size_t identity_index_search(const struct identity_index *index, const struct identity *identity)
{
    size_t low = 0, high = index->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (identity_compare(&index->entry[middle].identity, identity) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void identity_index_free(struct identity_index *index)
{
    free(index->entry);
    *index = (struct identity_index){0};
}
