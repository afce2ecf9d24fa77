/*
 * The PROXY protocol header. The first byte of the input chooses the version that is expected.
 */
#include "worker/proxy.h"

#include "fuzz.h"

#include <errno.h>

/* The result of reading the header from a stream. */
struct walk {
    int verdict; /* of proxy_parse(); positive: the stream ended before the header did */
    size_t used; /* bytes taken from the stream */
    struct proxied found;
};

static int parse(const uint8_t *data, size_t size, enum proxy_protocol wanted,
                 struct proxied *found)
{
    uint8_t *exact = fuzz_copy(data, size);
    int r = proxy_parse(exact ? exact : data, size, wanted, found);

    free(exact);
    return r;
}

/* Reads the missing bytes from DATA each time, as proxy_receive() does, but at most STEP bytes at
 * once (more for long headers), since a stream may arrive in any pieces. */
static struct walk walk(const uint8_t *data, size_t size, enum proxy_protocol wanted, size_t step)
{
    struct walk walk = {0};

    for (;;) {
        walk.verdict = parse(data, walk.used, wanted, &walk.found);
        if (walk.verdict <= 0 || walk.used == size)
            return walk;
        size_t missing = (size_t)walk.verdict, most = step + walk.used / 128;
        fuzz_check(missing <= PROXY_HEADER_MAX - walk.used);
        missing = missing < most ? missing : most;
        walk.used += missing < size - walk.used ? missing : size - walk.used;
    }
}

static bool same_fate(int a, int b)
{
    return (a < 0) == (b < 0) && (a > 0) == (b > 0);
}

/* There are either both addresses, as IP addresses in their shortest form, or none. */
static void check_addresses(const struct proxied *found)
{
    const struct address *both[] = {&found->source, &found->destination};

    fuzz_check((both[0]->len == 0) == (both[1]->len == 0));
    for (size_t i = 0; i < 2 && both[i]->len > 0; i++) {
        struct address normal = *both[i];
        address_normalise(&normal);
        fuzz_check(address_is_ip(both[i]) && address_equal(&normal, both[i]));
    }
}

/* A complete header has the same result in whatever pieces it arrives, and no byte beyond it is
 * requested. */
static void check_whole(const uint8_t *data, const struct walk *whole, enum proxy_protocol wanted)
{
    struct proxied found;

    for (size_t cut = 0; cut < whole->used; cut += 1 + cut / 128) {
        int missing = parse(data, cut, wanted, &found);
        fuzz_check(missing > 0 && (size_t)missing <= whole->used - cut);
        fuzz_check(found.source.len == 0 && found.destination.len == 0);
    }
    struct proxied other;
    enum proxy_protocol rest = data[0] == 'P' ? PROXY_V2 : PROXY_V1;
    fuzz_check(parse(data, whole->used, rest, &other) == -EPROTONOSUPPORT);
    fuzz_check(parse(data, whole->used, PROXY_ANY, &other) == 0);
    fuzz_check(memcmp(&other, &whole->found, sizeof(other)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum proxy_protocol versions[] = {PROXY_ANY, PROXY_V1, PROXY_V2};
    enum proxy_protocol wanted = versions[fuzz_choice(&data, &size) % 3];
    struct walk quick = walk(data, size, wanted, PROXY_HEADER_MAX);
    struct walk slow = walk(data, size, wanted, 1);

    fuzz_check(same_fate(quick.verdict, slow.verdict));
    check_addresses(&quick.found);
    if (quick.verdict == 0) {
        fuzz_check(quick.used == slow.used);
        fuzz_check(memcmp(&quick.found, &slow.found, sizeof(quick.found)) == 0);
        check_whole(data, &quick, wanted);
    } else {
        fuzz_check(quick.found.source.len == 0);
    }
    return 0;
}
