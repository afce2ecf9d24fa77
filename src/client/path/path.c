#include "client/path/path.h"

#include <poll.h>

bool path_is_stopped(const struct path *p)
{
    struct pollfd set = {.fd = p->interrupts, .events = POLLIN};

    return p->stopped || poll(&set, 1, 0) > 0;
}

uint64_t path_reply_timeout(const struct path *p, unsigned try)
{
    uint64_t before = try * PATH_PATIENCE, timeout = p->common->timeout;

    if (try + 1 < PATH_TRIES || timeout == 0)
        return try + 1 < PATH_TRIES ? PATH_PATIENCE : 0;
    return timeout > before + PATH_PATIENCE ? timeout - before : PATH_PATIENCE;
}

void path_report_tries(struct path *p, const struct address *address, unsigned failed)
{
    char text[ADDRESS_TEXT_MAX];

    if (failed > 0)
        findings_add(
            &p->findings, "connect",
            "%u of %u connections to %s got no reply: there is heavy loss, or one of several "
            "paths is dead",
            failed, failed + 1, address_format(address, text, sizeof(text)));
}
