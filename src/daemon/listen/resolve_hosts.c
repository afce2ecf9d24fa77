#include "daemon/listen/resolve_hosts.h"

#include "base/memory.h"
#include "config/sections.h"
#include "net/endpoint.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void add_word(struct words *words, const char *text)
{
    words->item = array_append(words->item, &words->count, sizeof(*words->item));
    words->item[words->count - 1] = text_copy(text);
}

/* Adds "192.0.2.1" or "[2001:db8::1]". */
static void add_address(struct words *words, const struct address *address)
{
    char text[ADDRESS_TEXT_MAX];

    address_format(address, text, sizeof(text));
    *strrchr(text, ':') = '\0';
    add_word(words, text);
}

static void add_problem(const struct settings *settings, const struct listen_settings *listen,
                        size_t index, const char *reason, struct problems *problems)
{
    char section[64];

    snprintf(section, sizeof(section), "listen %s", listen->name);
    problem_add(problems, TRANSIENT, settings_item_origin(settings, listen, "address", index),
                section, "address", "%s", reason);
}

/* Adds to WORDS item INDEX of LISTEN or, if it is a host name, its addresses. */
static void resolve(const struct settings *settings, const struct listen_settings *listen,
                    size_t index, struct words *words, struct problems *problems)
{
    const char *text = listen->addresses.item[index];
    char reason[NET_REASON_MAX];
    struct addresses list = {0};
    int r = endpoint_add(text, 0, &list);

    if (r == 0) {
        add_word(words, text);
    } else if (r == -ENODEV) {
        snprintf(reason, sizeof(reason), "%s: no such network interface (yet)", text);
        add_problem(settings, listen, index, reason, problems);
    } else if (endpoint_look_up(text, 0, &list, reason) == 0) {
        for (size_t i = 0; i < list.count; i++)
            add_address(words, &list.item[i]);
    } else {
        add_problem(settings, listen, index, reason, problems);
    }
    free(list.item);
}

static void resolve_all(const struct settings *settings, struct listen_settings *listen,
                        struct problems *problems)
{
    const struct list_type *type = type_words.list;
    struct words resolved = {0};

    for (size_t i = 0; i < listen->addresses.count; i++) {
        struct words found = {0};
        resolve(settings, listen, i, &found, problems);
        type->set_line(&found, type->line(&listen->addresses, i));
        type->append(&resolved, &found);
    }
    type_words.clear(&listen->addresses);
    listen->addresses = resolved;
}

void resolve_hosts(struct settings *settings, struct problems *problems)
{
    for (size_t i = 0; i < settings->listen_count; i++)
        if (!protocol_is_unix(settings->listens[i]->protocol))
            resolve_all(settings, settings->listens[i], problems);
}
