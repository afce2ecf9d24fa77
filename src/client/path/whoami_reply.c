#include "client/path/whoami_reply.h"

#include "base/macros.h"
#include "client/io/json_read.h"

#include <errno.h>
#include <string.h>

static int number_of(const char *text, const char *key, int most)
{
    struct json_value value;

    return json_find(text, key, &value) ? json_number(&value, most) : -1;
}

static bool flag_of(const char *text, const char *key)
{
    struct json_value value;

    return json_find(text, key, &value) && value.type == JSON_TRUE;
}

static bool text_of(const char *text, const char *key, char *buf, size_t size)
{
    struct json_value value;

    buf[0] = '\0';
    return json_find(text, key, &value) && json_text(&value, buf, size);
}

static void read_address(const char *text, const char *key, const char *port, struct address *a)
{
    char host[ADDRESS_TEXT_MAX];
    int number = number_of(text, port, UINT16_MAX);

    *a = (struct address){0};
    if (!text_of(text, key, host, sizeof(host)) || number < 0 ||
        address_numeric(a, host, (uint16_t)number) < 0)
        *a = (struct address){0};
}

/* Returns the bits of a list such as "timestamps,sack", or -1 for null. */
static int read_agreed(const char *text)
{
    static const struct {
        const char *name;
        unsigned bit;
    } all[] = {{"timestamps", AGREED_TIMESTAMPS},
               {"sack", AGREED_SACK},
               {"window_scale", AGREED_WINDOW_SCALE},
               {"ecn", AGREED_ECN}};
    char list[128];
    unsigned agreed = 0;

    if (!text_of(text, "agreed", list, sizeof(list)))
        return -1;
    for (char *rest = list, *word; (word = strsep(&rest, ","));)
        for (size_t i = 0; i < ARRAY_SIZE(all); i++)
            if (strcmp(word, all[i].name) == 0)
                agreed |= all[i].bit;
    return (int)agreed;
}

static void read_syn(const char *text, struct whoami_reply *reply)
{
    char whose[16];
    struct json_value value;

    reply->reports_syn = json_find(text, "syn", &value);
    reply->has_syn = text_of(text, "syn", whose, sizeof(whose)) && strcmp(whose, "client") == 0;
    text_of(text, "syn_missing", reply->missing, sizeof(reply->missing));
    reply->syn = (struct arrived_syn){
        .ttl = number_of(text, "syn_ttl", 255),
        .dscp = number_of(text, "syn_dscp", 63),
        .ecn = number_of(text, "syn_ecn", 3),
        .mss = number_of(text, "syn_mss", UINT16_MAX),
        .window_scale = number_of(text, "syn_window_scale", 255),
        .ecn_setup = flag_of(text, "syn_ecn_setup"),
        .sack = flag_of(text, "syn_sack"),
        .timestamps = flag_of(text, "syn_timestamps"),
    };
    text_of(text, "syn_options", reply->syn.options, sizeof(reply->syn.options));
    reply->has_syn = reply->has_syn && reply->syn.ttl >= 0 && reply->syn.dscp >= 0;
}

int whoami_reply_parse(const char *text, struct whoami_reply *reply)
{
    struct json_value value;
    char proxy[ADDRESS_TEXT_MAX];

    *reply = (struct whoami_reply){0};
    if (!json_is_object(text) || !json_find(text, "listener", &value) ||
        !json_find(text, "peer", &value))
        return -EBADMSG;
    read_address(text, "peer", "peer_port", &reply->peer);
    read_address(text, "local", "local_port", &reply->local);
    reply->proxied = text_of(text, "proxy", proxy, sizeof(proxy));
    reply->sent_mss = number_of(text, "sent_mss", UINT16_MAX);
    reply->agreed = read_agreed(text);
    read_syn(text, reply);
    return 0;
}
