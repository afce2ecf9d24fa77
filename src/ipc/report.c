#include "ipc/report.h"

#include <errno.h>
#include <string.h>

#define REPORT_VERSION 1

_Static_assert(sizeof(struct report) == 24,
               "the format of reports has changed: so has its version");

struct head {
    uint32_t version;
    uint32_t count;
};

const char *protection_name(unsigned protection)
{
    static const char *const names[PROTECTION_COUNT] = {
        [PROTECTION_USER] = "user",       [PROTECTION_NO_NEW_PRIVILEGES] = "no_new_privs",
        [PROTECTION_SECCOMP] = "seccomp", [PROTECTION_LANDLOCK] = "landlock",
        [PROTECTION_LIMITS] = "limits",   [PROTECTION_UNDUMPABLE] = "undumpable",
    };

    return protection < PROTECTION_COUNT ? names[protection] : "?";
}

size_t reports_encode(const struct report *list, size_t count, void *buf)
{
    const struct head head = {.version = REPORT_VERSION, .count = (uint32_t)count};

    memcpy(buf, &head, sizeof(head));
    memcpy((char *)buf + sizeof(head), list, count * sizeof(*list));
    return sizeof(head) + count * sizeof(*list);
}

ssize_t reports_decode(struct report *list, const void *buf, size_t len)
{
    struct head head;

    if (len < sizeof(head))
        return -EPROTO;
    memcpy(&head, buf, sizeof(head));
    if (head.version != REPORT_VERSION || head.count > REPORTS_MAX ||
        len != sizeof(head) + head.count * sizeof(*list))
        return -EPROTO;
    memcpy(list, (const char *)buf + sizeof(head), head.count * sizeof(*list));
    return (ssize_t)head.count;
}
