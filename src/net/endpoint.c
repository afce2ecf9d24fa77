#include "net/endpoint.h"

#include "base/macros.h"
#include "base/memory.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

/* Whether LIST contains ADDRESS from index FROM on. Linear, since a host has few addresses. */
static bool has(const struct addresses *list, size_t from, const struct address *address)
{
    for (size_t i = from; i < list->count; i++)
        if (address_equal(&list->item[i], address))
            return true;
    return false;
}

static void add(struct addresses *list, const struct address *address)
{
    list->item = array_append(list->item, &list->count, sizeof(*list->item));
    list->item[list->count - 1] = *address;
}

static void add_any(uint16_t port, struct addresses *list)
{
    static const char *const any[] = {"0.0.0.0", "::"};
    struct address address;

    for (size_t i = 0; i < ARRAY_SIZE(any); i++)
        if (address_numeric(&address, any[i], port) == 0)
            add(list, &address);
}

int endpoint_add(const char *host, uint16_t port, struct addresses *list)
{
    struct address address;

    if (strcmp(host, "*") == 0) {
        add_any(port, list);
        return 0;
    }
    int r = address_numeric(&address, host, port);
    if (r < 0)
        return r;
    add(list, &address);
    return 0;
}

int endpoint_look_up(const char *name, uint16_t port, struct addresses *list, char *reason)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    int r = getaddrinfo(name, NULL, &hints, &found);
    size_t from = list->count;

    if (r != 0) {
        snprintf(reason, NET_REASON_MAX, "cannot look up the name %s: %s", name,
                 r == EAI_SYSTEM ? strerror(errno) : gai_strerror(r));
        return -ENOENT;
    }
    for (const struct addrinfo *a = found; a; a = a->ai_next) {
        struct address address = {.len = a->ai_addrlen};
        memcpy(&address.storage, a->ai_addr, a->ai_addrlen);
        address_set_port(&address, port);
        if (!has(list, from, &address))
            add(list, &address);
    }
    freeaddrinfo(found);
    return 0;
}

void endpoint_add_unix(const char *path, struct addresses *list)
{
    struct address address;

    if (address_unix(&address, path) == 0)
        add(list, &address);
}
