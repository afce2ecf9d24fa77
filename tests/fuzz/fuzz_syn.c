/*
 * A SYN as the client sent it: an IP header, any extension headers, and a TCP header with options,
 * all of which are untrusted.
 */
#include "net/syn.h"

#include "fuzz.h"

#include <errno.h>

static void check_options(const struct syn *syn)
{
    char text[SYN_OPTIONS_TEXT_MAX];
    size_t names = 0;

    fuzz_check(syn->option_count <= SYN_OPTIONS_MAX);
    for (const char *p = syn_options(syn, text); *p; p++)
        names += *p == ',' || p[1] == '\0';
    fuzz_check(names == syn->option_count);
    fuzz_check(syn->mss < 65536 && syn->window_scale < 256);
}

static bool has_option(const struct syn *syn, uint8_t kind)
{
    return memchr(syn->options, kind, syn->option_count) != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *packet = fuzz_copy(data, size);
    struct syn syn, longer;
    int r = syn_parse(packet, size, &syn);

    fuzz_check(r == 0 || r == -EBADMSG);
    check_options(&syn);
    if (r == 0) {
        fuzz_check(syn.dscp < 64 && syn.ecn < 4);
        fuzz_check(!syn.sack || has_option(&syn, 4));
        fuzz_check(!syn.timestamps || has_option(&syn, 8));
        fuzz_check(syn.mss < 0 || has_option(&syn, 2));
        /* Bytes after the headers make no difference. */
        uint8_t *more = malloc(size + 1);
        fuzz_check(more);
        memcpy(more, data, size);
        more[size] = 2;
        fuzz_check(syn_parse(more, size + 1, &longer) == 0);
        fuzz_check(memcmp(&syn, &longer, sizeof(syn)) == 0);
        free(more);
    }
    free(packet);
    return 0;
}
