#include "daemon/wishes.h"

#include "net/endpoint.h"

#include <stdlib.h>
#include <string.h>

static void add_addresses(const struct listen_settings *listen, struct addresses *list,
                          const struct settings *settings, struct problems *problems)
{
    char section[64];

    snprintf(section, sizeof(section), "listen %s", listen->name);
    for (size_t i = 0; i < listen->addresses.count; i++) {
        const char *text = listen->addresses.item[i];
        if (protocol_is_unix(listen->protocol))
            endpoint_add_unix(text, list);
        else if (endpoint_add(text, listen->port, list) < 0)
            problem_add(problems, FATAL, settings_origin(settings, listen, "address"), section,
                        "address", "%s is no address of this machine any more", text);
    }
}

static bool is_any(const struct address *a)
{
    static const uint8_t zero[16];
    size_t count = 0;
    const uint8_t *bytes = address_bytes(a, &count);

    return bytes && memcmp(bytes, zero, count) == 0;
}

/* The ports of TCP and of UDP are different ones, and so are abstract names; a path is one file. */
static bool share_names(const struct address *a, int type, int other)
{
    bool path = !address_is_ip(a) && a->un.sun_path[0] != '\0';

    return type == other || path;
}

bool wish_clashes(const struct wish *wish, const struct address *address, int type)
{
    const struct address *a = &wish->address, *b = address;

    if (!share_names(a, protocol_type(wish->settings->protocol), type))
        return false;
    if (address_is_ip(a) && address_port(a) == 0)
        return false; /* the kernel will choose different ones */
    if (address_equal(a, b))
        return true;
    return a->sa.sa_family == b->sa.sa_family && address_is_ip(a) &&
           address_port(a) == address_port(b) && (is_any(a) || is_any(b));
}

static void check_clash(const struct wishes *wishes, const struct wish *wish,
                        const struct settings *settings, struct problems *problems)
{
    char text[ADDRESS_TEXT_MAX], section[64];

    for (size_t i = 0; i < wishes->count; i++) {
        const struct wish *other = &wishes->item[i];
        if (!wish_clashes(wish, &other->address, protocol_type(other->settings->protocol)))
            continue;
        snprintf(section, sizeof(section), "listen %s", wish->settings->name);
        problem_add(problems, FATAL, settings_origin(settings, wish->settings, "address"), section,
                    "address", "%s is taken already, by [listen %s]",
                    address_format(&wish->address, text, sizeof(text)), other->settings->name);
        return;
    }
}

struct wishes wishes_make(const struct settings *settings, struct problems *problems)
{
    struct wishes wishes = {0};

    for (size_t i = 0; i < settings->listen_count; i++) {
        const struct listen_settings *listen = settings->listens[i];
        struct addresses list = {0};
        add_addresses(listen, &list, settings, problems);
        for (size_t j = 0; j < list.count; j++) {
            struct wish wish = {.address = list.item[j], .settings = listen};
            check_clash(&wishes, &wish, settings, problems);
            wishes.item = array_append(wishes.item, &wishes.count, sizeof(wish));
            wishes.item[wishes.count - 1] = wish;
        }
        free(list.item);
    }
    return wishes;
}
