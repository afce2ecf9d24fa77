#include "daemon/wishes.h"

#include "base/memory.h"
#include "config/sections.h"
#include "net/endpoint.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void wishes_free(struct wishes *wishes)
{
    free(wishes->item);
    identity_index_free(&wishes->index);
    *wishes = (struct wishes){0};
}

/* ---- what is asked for ---- */

/* Adds to LIST what address INDEX of LISTEN stands for. */
static void add_address(const struct settings *settings, const struct listen_settings *listen,
                        size_t index, struct addresses *list, struct problems *problems)
{
    const char *text = listen->addresses.item[index];
    char section[64];

    if (protocol_is_unix(listen->protocol)) {
        endpoint_add_unix(text, list);
        return;
    }
    int r = endpoint_add(text, listen->port, list);
    if (r == 0)
        return;
    snprintf(section, sizeof(section), "listen %s", listen->name);
    problem_add(problems, TRANSIENT, settings_item_origin(settings, listen, "address", index),
                section, "address",
                r == -ENODEV ? "%s: there is no such network interface (yet)"
                             : "%s is no address of this machine any more",
                text);
}

static void add_wishes(struct wishes *wishes, const struct settings *settings, size_t number,
                       struct problems *problems)
{
    const struct listen_settings *listen = settings->listens[number];
    struct addresses list = {0};

    for (size_t i = 0; i < listen->addresses.count; i++)
        add_address(settings, listen, i, &list, problems);
    for (size_t i = 0; i < list.count; i++) {
        wishes->item = array_append(wishes->item, &wishes->count, sizeof(*wishes->item));
        wishes->item[wishes->count - 1] =
            (struct wish){.address = list.item[i], .settings = listen, .number = number};
    }
    free(list.item);
}

static void make_index(struct wishes *wishes)
{
    for (size_t i = 0; i < wishes->count; i++) {
        struct identity identity = identity_of(&wishes->item[i].address);
        identity_index_add(&wishes->index, &identity, i);
    }
    identity_index_sort(&wishes->index);
}

/* ---- what cannot be had together ---- */

static int type_of(const struct wish *wish)
{
    return protocol_type(wish->settings->protocol);
}

/* The first of WISHES before number LIMIT that has IDENTITY and is of TYPE, or -1 for any. */
static const struct wish *find(const struct wishes *wishes, const struct identity *identity,
                               int type, size_t limit)
{
    const struct identity_index *index = &wishes->index;

    for (size_t i = identity_index_search(index, identity);
         i < index->count && identity_compare(&index->entry[i].identity, identity) == 0 &&
         index->entry[i].number < limit;
         i++) {
        const struct wish *wish = &wishes->item[index->entry[i].number];
        if (type < 0 || type_of(wish) == type)
            return wish;
    }
    return NULL;
}

/* One before number LIMIT of the family and port of ANY, which is for all addresses. */
static const struct wish *find_port(const struct wishes *wishes, const struct identity *any,
                                    int type, size_t limit)
{
    const struct identity_index *index = &wishes->index;

    for (size_t i = identity_index_search(index, any); i < index->count; i++) {
        const struct identity_entry *entry = &index->entry[i];
        if (entry->identity.family != any->family || entry->identity.port != any->port)
            break;
        if (entry->number < limit && type_of(&wishes->item[entry->number]) == type)
            return &wishes->item[entry->number];
    }
    return NULL;
}

/* The one of those before WISH, number NUMBER, that it cannot be bound besides. The ports of TCP
 * and of UDP are different ones, and so are abstract names; a path is one file. */
static const struct wish *find_clash(const struct wishes *wishes, const struct wish *wish,
                                     size_t number)
{
    const struct address *a = &wish->address;
    struct identity identity = identity_of(a), any = {0};

    if (!address_is_ip(a))
        return find(wishes, &identity, a->un.sun_path[0] ? -1 : type_of(wish), number);
    if (identity.port == 0)
        return NULL; /* the kernel will choose different ones */
    any.family = identity.family;
    any.port = identity.port;
    const struct wish *found = find(wishes, &identity, type_of(wish), number);
    if (!found)
        found = find(wishes, &any, type_of(wish), number);
    if (!found && identity_compare(&identity, &any) == 0)
        found = find_port(wishes, &any, type_of(wish), number);
    return found;
}

static void tell_clash(const struct settings *settings, const struct wish *wish,
                       const struct wish *other, struct problems *problems)
{
    char text[ADDRESS_TEXT_MAX], section[64];

    snprintf(section, sizeof(section), "listen %s", wish->settings->name);
    problem_add(problems, FATAL, settings_origin(settings, wish->settings, "address"), section,
                "address", "%s is taken already, by [listen %s]",
                address_format(&wish->address, text, sizeof(text)), other->settings->name);
}

/* Tells of each clash; leaves out what the same listener wants twice. */
static void check_clashes(struct wishes *wishes, const struct settings *settings,
                          struct problems *problems)
{
    size_t kept = 0;
    bool *twice = memory_zeroed(wishes->count, sizeof(*twice));

    for (size_t i = 0; i < wishes->count; i++) {
        const struct wish *wish = &wishes->item[i], *other = find_clash(wishes, wish, i);
        twice[i] = other && other->number == wish->number &&
                   identity_same(&wish->address, &other->address);
        if (other && !twice[i])
            tell_clash(settings, wish, other, problems);
    }
    for (size_t i = 0; i < wishes->count; i++)
        if (!twice[i])
            wishes->item[kept++] = wishes->item[i];
    free(twice);
    wishes->count = kept;
}

struct wishes wishes_make(const struct settings *settings, struct problems *problems)
{
    struct wishes wishes = {0};

    for (size_t i = 0; i < settings->listen_count; i++)
        add_wishes(&wishes, settings, i, problems);
    make_index(&wishes);
    size_t all = wishes.count;
    check_clashes(&wishes, settings, problems);
    if (wishes.count < all) {
        identity_index_free(&wishes.index);
        make_index(&wishes);
    }
    return wishes;
}

bool wishes_have(const struct wishes *wishes, const struct address *address, int type)
{
    struct identity identity = identity_of(address);

    return find(wishes, &identity, type, wishes->count) != NULL;
}
