#include "daemon/names.h"

#include "net/endpoint.h"

#include <stdlib.h>
#include <string.h>

static void add_word(struct words *words, const char *text)
{
    words->item = array_append(words->item, &words->count, sizeof(*words->item));
    words->item[words->count - 1] = text_copy(text);
}

/* "192.0.2.1" or "[2001:db8::1]". */
static void add_address(struct words *words, const struct address *address)
{
    char text[ADDRESS_TEXT_MAX];

    address_format(address, text, sizeof(text));
    *strrchr(text, ':') = '\0';
    add_word(words, text);
}

/* Adds to WORDS what stands for TEXT of LISTEN: itself, unless it is a name. */
static void resolve(const struct settings *settings, const struct listen_settings *listen,
                    const char *text, struct words *words, struct problems *problems)
{
    char reason[NET_REASON_MAX], section[64];
    struct addresses list = {0};

    if (endpoint_add(text, 0, &list) == 0) {
        add_word(words, text);
    } else if (endpoint_look_up(text, 0, &list, reason) == 0) {
        for (size_t i = 0; i < list.count; i++)
            add_address(words, &list.item[i]);
    } else {
        snprintf(section, sizeof(section), "listen %s", listen->name);
        problem_add(problems, FATAL, settings_origin(settings, listen, "address"), section,
                    "address", "%s", reason);
    }
    free(list.item);
}

void names_resolve(struct settings *settings, struct problems *problems)
{
    for (size_t i = 0; i < settings->listen_count; i++) {
        struct listen_settings *listen = settings->listens[i];
        struct words resolved = {0};
        if (protocol_is_unix(listen->protocol))
            continue;
        for (size_t j = 0; j < listen->addresses.count; j++)
            resolve(settings, listen, listen->addresses.item[j], &resolved, problems);
        type_words.clear(&listen->addresses);
        listen->addresses = resolved;
    }
}
