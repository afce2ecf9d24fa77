#include "client/link.h"

#include "base/span.h"
#include "base/util.h"
#include "client/output.h"
#include "client/report.h"
#include "client/verb.h"

#include <errno.h>
#include <string.h>

int link_resolve(const struct common *c, struct attempts *found)
{
    const char *reason;
    int r = target_resolve(&c->target, found, &reason);

    if (r == 0)
        return 0;
    report_unresolved(&c->target, reason);
    if (c->json)
        output_error(NULL, reason);
    return r;
}

size_t link_header(const struct common *c, int fd, void *buf)
{
    struct address local, peer;

    if (!c->proxy.version || address_local(&local, fd) < 0 || address_peer(&peer, fd) < 0)
        return 0;
    return proxy_header_write(&c->proxy, &local, &peer, buf);
}

/* The socket's buffer is empty yet: it takes the header at once. */
static int send_header(const struct common *c, int fd)
{
    char header[PROXY_HEADER_MAX];
    size_t len = link_header(c, fd, header);

    return len > 0 && send(fd, header, len, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int link_try(const struct common *c, const struct address *address, int wake, struct link *link)
{
    struct connect_plan plan = common_plan(c, wake);
    uint64_t begin = clock_nanoseconds();
    int fd = connect_address(address, &plan);

    link->fd = -1;
    if (fd < 0)
        return fd;
    uint64_t took = clock_nanoseconds() - begin;
    *link = (struct link){.fd = fd, .type = connect_type(fd), .peer = *address};
    link->connect_ns = link->type == SOCK_DGRAM ? 0 : took;
    int r = send_header(c, fd);
    if (r < 0)
        fd_close(&link->fd);
    return r;
}

static void report_failure(const struct common *c, const struct attempt *a)
{
    report_refused(a);
    if (c->json)
        output_error(&a->address, strerror(-a->error));
}

/* Tries the address of A and keeps the reason of a failure there. */
static int try_address(const struct common *c, struct attempt *a, int wake, struct link *link)
{
    if (c->verbosity >= VERBOSITY_VERBOSE)
        report_trying(a);
    a->error = link_try(c, &a->address, wake, link);
    if (a->error < 0 && a->error != -ECANCELED && c->verbosity >= VERBOSITY_VERBOSE)
        report_failure(c, a); /* here, because a later address may yet succeed */
    return a->error;
}

int link_connect(const struct common *c, struct attempts *attempts, int wake, struct link *link)
{
    int r = -EADDRNOTAVAIL;

    link->fd = -1;
    for (size_t i = 0; i < attempts->count && r != 0 && r != -ECANCELED; i++)
        r = try_address(c, &attempts->list[i], wake, link);
    if (r == 0 || r == -ECANCELED || c->verbosity >= VERBOSITY_VERBOSE)
        return r;
    for (size_t i = 0; i < attempts->count; i++)
        report_failure(c, &attempts->list[i]);
    return r;
}

int link_give_up(const struct common *c, int status)
{
    if (c->json) {
        output_begin("summary");
        output_end_summary(status);
    }
    return status;
}

int link_status(int error)
{
    return error == -ESRCH || error == -EPROTONOSUPPORT ? VERB_UNABLE : VERB_BAD;
}

int link_open(const struct common *c, struct link *link)
{
    struct attempts attempts;

    link->fd = -1;
    int r = link_resolve(c, &attempts);
    if (r < 0)
        return r == -EPROTONOSUPPORT ? r : -ESRCH;
    r = link_connect(c, &attempts, -1, link);
    attempts_free(&attempts);
    return r;
}
