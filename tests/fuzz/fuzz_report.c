/*
 * Reports from a fork server, which may be from before an upgrade or controlled by an attacker: the
 * daemon decodes them correctly, and its own state stays consistent.
 */
#include "daemon/supervise/fork_servers.h"
#include "ipc/channel.h"

#include "fuzz.h"

#include <errno.h>

static int channel[2];

/* A report that can be decoded is encoded to the same bytes. */
static void check_decoded(const uint8_t *data, size_t size)
{
    struct report list[REPORTS_MAX];
    uint8_t again[REPORTS_SIZE];
    ssize_t count = reports_decode(list, data, size);

    fuzz_check(count == -EPROTO || (count >= 0 && count <= REPORTS_MAX));
    if (count < 0)
        return;
    fuzz_check(reports_encode(list, (size_t)count, again) == size);
    fuzz_check(memcmp(again, data, size) == 0);
    for (ssize_t i = 0; i < count; i++)
        fuzz_check(list[i].kind != REPORT_PROTECTION ||
                   *protection_name((unsigned)list[i].job) != '\0');
}

/* Reports about the fork server itself are recorded; all others are passed on. */
static void check_received(const uint8_t *data, size_t size)
{
    struct fork_servers fs = FORK_SERVERS_NONE;
    const struct fork_server server = {.number = 1, .channel = channel[0], .far = -1};
    struct report all[REPORTS_MAX], list[REPORTS_MAX];
    ssize_t count = reports_decode(all, data, size), expected = 0;

    fuzz_check(fork_servers_adopt(&fs, &server, true) == 0);
    fuzz_check(channel_send(channel[1], data, size, NULL, 0) == 0);
    ssize_t kept = fork_servers_receive(&fs, &fs.item[0], list);
    for (ssize_t i = 0; i < count; i++)
        if (all[i].kind != REPORT_PROTECTION && all[i].kind != REPORT_READY)
            fuzz_check(memcmp(&list[expected++], &all[i], sizeof(all[i])) == 0);
    fuzz_check(kept == (count < 0 ? -EPROTO : expected));
    fuzz_check(fs.count == 1 && fs.current == 1 && fs.item[0].jobs == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (channel[1] == 0)
        fuzz_check(channel_open(channel) == 0);
    check_decoded(data, size);
    if (size > 0 && size <= 2 * REPORTS_SIZE)
        check_received(data, size);
    return 0;
}
