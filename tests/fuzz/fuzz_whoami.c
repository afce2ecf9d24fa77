/*
 * The answer of a whoami service, which is untrusted: the JSON is read within its bounds, and all
 * values are within their ranges.
 */
#include "client/path/whoami_reply.h"

#include "client/io/json_read.h"
#include "fuzz.h"

#include <errno.h>

static void check_find(const char *text, const char *key)
{
    struct json_value value;
    char buf[16];

    if (json_find(text, key, &value))
        fuzz_check(value.at >= text && value.at + value.len <= text + strlen(text));
    bool is_text = json_text(&value, buf, sizeof(buf));
    fuzz_check(is_text == (value.type == JSON_STRING) && strlen(buf) < sizeof(buf));
    int number = json_number(&value, 100);
    fuzz_check(number >= -1 && number <= 100);
}

static void check_reply(const struct whoami_reply *reply)
{
    const struct arrived_syn *syn = &reply->syn;

    fuzz_check(reply->sent_mss >= -1 && reply->sent_mss <= UINT16_MAX);
    fuzz_check(reply->agreed >= -1 && reply->agreed <= 15);
    fuzz_check(syn->ttl <= 255 && syn->dscp <= 63 && syn->ecn <= 3 && syn->window_scale <= 255);
    fuzz_check(syn->mss >= -1 && syn->mss <= UINT16_MAX);
    fuzz_check(!reply->has_syn || (syn->ttl >= 0 && syn->dscp >= 0 && reply->reports_syn));
    fuzz_check(reply->peer.len == 0 || address_is_ip(&reply->peer));
    fuzz_check(reply->local.len == 0 || address_is_ip(&reply->local));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    struct whoami_reply reply;
    int r = whoami_reply_parse(text, &reply);

    fuzz_check(r == 0 || r == -EBADMSG);
    check_reply(&reply);
    check_find(text, "peer");
    check_find(text, "");
    if (fuzz_is_json(text) && text[strspn(text, " \t\r\n")] == '{')
        fuzz_check(json_is_object(text));
    free(text);
    return 0;
}
