/*
 * The identity of an address, which can be sorted and searched: two addresses with the same
 * identity are the same for the kernel.
 */
#ifndef ECHOD_NET_IDENTITY_H
#define ECHOD_NET_IDENTITY_H

#include "net/address.h"

/*
 * Sorted by family and port first, and of these 0.0.0.0 and [::] come first. Paths are the same
 * when they lead to the same file or, where there is none, to the same name in the same directory.
 */
struct identity {
    uint16_t family;
    uint16_t port;
    uint32_t scope;         /* of a link-local address */
    uint64_t device, inode; /* of a path: of the file, or its directory */
    uint8_t bytes[120];     /* of an IP address, or a name; padded with zeros */
};

struct identity identity_of(const struct address *a);

/* Turns IDENTITY, of an IP address, into that of the listener NAME (up to 64 bytes) at this
 * address, whatever the port. */
void identity_set_name(struct identity *identity, const char *name);

/* Returns less than, equal to, or greater than 0. */
int identity_compare(const struct identity *a, const struct identity *b);

/* Whether two addresses are the same one. */
bool identity_same(const struct address *a, const struct address *b);

/* A sorted index of identities, each with a number chosen by the caller. */
struct identity_index {
    struct identity_entry {
        struct identity identity;
        size_t number;
    } * entry; /* sorted by identity, then by number; owned */
    size_t count;
};

void identity_index_add(struct identity_index *index, const struct identity *identity,
                        size_t number);

/* Call this after the last identity_index_add(), and before the first search. */
void identity_index_sort(struct identity_index *index);

/* Returns the position in INDEX of the first entry that is not less than IDENTITY. */
size_t identity_index_search(const struct identity_index *index, const struct identity *identity);

void identity_index_free(struct identity_index *index);

#endif
