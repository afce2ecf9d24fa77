#include "daemon/listen/listeners.h"

#include "base/exit.h"
#include "base/memory.h"
#include "base/passed_fds.h"
#include "daemon/listen/bind_plan.h"
#include "daemon/process/fd_store.h"
#include "net/listener.h"
#include "net/sockopts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- opening ---- */

struct opening {
    struct listeners *listeners;
    struct inherited *inherited;
    const struct settings *settings;
    struct log *log;
    bool dry_run;  /* unused sockets stay bound by the running daemon */
    bool *has_one; /* for each listener of the settings: it has a socket */
    int status;    /* the exit status of the first failure */
};

/* Adds LISTENER, with the fields that follow from PLANNED. */
static void add_listener(struct opening *in, const struct planned_address *planned,
                         struct listener listener)
{
    struct listeners *listeners = in->listeners;

    listener.settings = planned->settings;
    address_local(&listener.address, listener.fd);
    address_normalise(&listener.address);
    passed_fds_refuse(listener.fd); /* also for passed sockets; fails if it is not a Unix socket */
    /* A dry run shares the sockets of the running daemon, and must not change them. */
    if (!in->dry_run) {
        sockopts_keepalive(listener.fd, in->settings->server->keepalive);
        listener_save_syn(listener.fd, planned->settings->service == SERVICE_WHOAMI);
    }
    if (listener.file.inode == 0)
        listener.file = socket_file_at(&listener.address);
    listeners->item = array_append(listeners->item, &listeners->count, sizeof(listener));
    listeners->item[listeners->count - 1] = listener;
    in->has_one[planned->number] = true;
}

/* SOCKET, which would block whoever accepts from it, serves nobody. */
static void reject(struct opening *in, const struct planned_address *planned,
                   struct inherited_socket *socket, int error)
{
    log_error(in->log, "listener %s: cannot make its inherited socket non-blocking: %s",
              planned->settings->name, strerror(-error));
    in->status = EXIT_OSERR;
    passed_fds_close(&socket->fd);
}

/* Uses SOCKET for PLANNED. Removes it from the service manager's store, which would otherwise keep
 * it under its old name; listeners_store() stores it again. Not in a dry run, where the running
 * daemon still uses it. */
static void take(struct opening *in, const struct planned_address *planned,
                 struct inherited_socket *socket)
{
    bool renamed = socket->name[0] && strcmp(socket->name, planned->settings->name) != 0;
    int r = in->dry_run ? 0 : listener_adopt(socket->fd);

    if (r < 0 && !socket->known) { /* the program before has done so to its own */
        reject(in, planned, socket, r);
        return;
    }
    if (renamed && socket->origin != LISTENER_PASSED)
        fd_store_forget(socket->name);
    if (planned->settings->reuse_port && address_is_ip(&planned->address) && !in->dry_run)
        listener_share(socket->fd);
    add_listener(in, planned,
                 (struct listener){.fd = socket->fd,
                                   .origin = socket->origin,
                                   .fresh = !socket->known,
                                   .file = socket->file});
    socket->fd = -1;
}

static int status_of(int error)
{
    if (error == -EMFILE || error == -ENFILE || error == -ENOBUFS || error == -ENOMEM)
        return EXIT_OSERR;
    return error == -EACCES || error == -EPERM || error == -EAFNOSUPPORT ? EXIT_NOPERM
                                                                         : EXIT_UNAVAILABLE;
}

static unsigned how_to_open(const struct opening *in, const struct planned_address *planned)
{
    if (!address_is_ip(&planned->address))
        return planned->settings->mode;
    return (planned->settings->reuse_port ? LISTENER_REUSE_PORT : 0) |
           (in->dry_run ? LISTENER_TRIAL : 0);
}

/* Whether PLANNED, which failed with ERROR, can be skipped: on a machine without IPv6, or without
 * ::1, "localhost" and "*" stand for fewer addresses. */
static bool is_dispensable(const struct planned_address *planned, int error)
{
    const struct address *a = &planned->address;

    if (a->sa.sa_family != AF_INET6)
        return false;
    return error == -EPROTONOSUPPORT ||
           (error == -EADDRNOTAVAIL && IN6_IS_ADDR_LOOPBACK(&a->in6.sin6_addr));
}

static void open_planned(struct opening *in, const struct planned_address *planned)
{
    char reason[NET_REASON_MAX];
    int type = protocol_type(planned->settings->protocol);
    int fd = listener_open(&planned->address, type, how_to_open(in, planned), reason);

    if (fd >= 0) {
        add_listener(in, planned,
                     (struct listener){.fd = fd, .origin = LISTENER_OPENED, .fresh = true});
        return;
    }
    if (is_dispensable(planned, fd)) {
        log_notice(in->log, "listener %s: skipped: %s", planned->settings->name, reason);
        return;
    }
    log_error(in->log, "listener %s: %s", planned->settings->name, reason);
    if (in->status == 0)
        in->status = status_of(fd);
}

/* Closes the sockets that no listener uses, and removes the files of our Unix sockets. */
static void close_unused(struct opening *in)
{
    if (in->inherited->malformed)
        log_warning(in->log, "LISTEN_FDS is not a number of descriptors that can be open, so no "
                             "socket is inherited: check the program that started echod");
    for (size_t i = 0; i < in->inherited->count; i++) {
        struct inherited_socket *socket = &in->inherited->item[i];
        if (socket->fd < 0)
            continue;
        inherited_log_unused(in->log, socket);
        if (socket->name[0])
            fd_store_forget(socket->name);
        if (!in->dry_run && socket->origin != LISTENER_PASSED && socket->facts.type >= 0)
            socket_file_remove(&socket->file, &socket->facts.address);
        passed_fds_close(&socket->fd);
    }
}

/* An inherited socket may serve two addresses: a dual-stack [::] also serves 0.0.0.0. */
static void adopt_inherited(struct opening *in, const struct bind_plan *plan, bool *served)
{
    for (size_t i = 0; i < plan->count; i++) {
        struct inherited_socket *socket = inherited_find(in->inherited, &plan->item[i]);
        served[i] = socket != NULL;
        if (socket && socket->fd >= 0)
            take(in, &plan->item[i], socket);
    }
}

/* Warns about inherited dual-stack sockets where only IPv6 was asked for. */
static void warn_of_dual(const struct opening *in, const struct bind_plan *plan)
{
    static const char *const any[] = {"0.0.0.0", "::"};
    char text[ADDRESS_TEXT_MAX];
    struct address wanted;

    for (size_t i = 0; i < in->inherited->count; i++) {
        const struct inherited_socket *socket = &in->inherited->item[i];
        for (size_t j = 0; socket->fd < 0 && socket->facts.dual && j < ARRAY_SIZE(any); j++) {
            address_numeric(&wanted, any[j], address_port(&socket->facts.address));
            if (bind_plan_has(plan, &wanted, socket->facts.type))
                continue;
            log_warning(in->log,
                        "inherited socket %s also accepts %s, which no [listen] section names: set "
                        "BindIPv6Only=ipv6-only in the socket unit",
                        address_format(&socket->facts.address, text, sizeof(text)),
                        j == 0 ? "IPv4" : "IPv6");
        }
    }
}

/* Closes unused sockets before it opens the missing ones, because they may conflict. */
static void open_plan(struct opening *in, const struct bind_plan *plan)
{
    bool *served = memory_zeroed(plan->count, sizeof(*served)), blocked = false;

    inherited_examine(in->inherited);
    adopt_inherited(in, plan, served);
    if (!in->dry_run)
        warn_of_dual(in, plan);
    for (size_t i = 0; i < plan->count; i++) {
        bool awaits = !served[i] && inherited_blocks(in->inherited, &plan->item[i]);
        blocked = blocked || awaits;
        served[i] = served[i] || (in->dry_run && awaits);
    }
    close_unused(in);
    if (blocked && !in->dry_run)
        fd_store_wait(); /* until systemd has closed its copies of them */
    for (size_t i = 0; i < plan->count; i++)
        if (!served[i])
            open_planned(in, &plan->item[i]);
    free(served);
}

static void check_each_has_one(struct opening *in)
{
    for (size_t i = 0; i < in->settings->listen_count && in->status == 0; i++) {
        if (in->has_one[i])
            continue;
        log_error(in->log, "listener %s: none of its addresses is available",
                  in->settings->listens[i]->name);
        in->status = EXIT_UNAVAILABLE;
    }
}

static int report(const struct problems *problems, struct log *log)
{
    for (size_t i = 0; i < problems->count; i++)
        log_error(log, "%s", problems->list[i].text);
    return problems_status(problems);
}

int listeners_open(struct listeners *listeners, const struct settings *settings,
                   struct inherited *inherited, struct log *log, bool dry_run)
{
    struct opening in = {.listeners = listeners,
                         .inherited = inherited,
                         .settings = settings,
                         .log = log,
                         .dry_run = dry_run,
                         .has_one = memory_zeroed(settings->listen_count, sizeof(bool))};
    struct problems problems = {0};

    *listeners = (struct listeners){0};
    struct bind_plan plan = bind_plan_make(settings, &problems);
    in.status = report(&problems, log);
    open_plan(&in, &plan);
    if (!dry_run)
        check_each_has_one(&in);
    problems_free(&problems);
    bind_plan_free(&plan);
    inherited_free(inherited);
    free(in.has_one);
    return in.status;
}

static const char *describe_own(const struct listener *listener, char *buf)
{
    return address_describe(&listener->address, protocol_type(listener->settings->protocol), buf);
}

void listeners_print(const struct listeners *listeners)
{
    char text[ADDRESS_DESCRIPTION_MAX];

    for (size_t i = 0; i < listeners->count; i++) {
        const struct listener *l = &listeners->item[i];
        printf("listening on %s (%s, %s)\n", describe_own(l, text), l->settings->name,
               service_name(l->settings->service));
    }
    fflush(stdout);
}

static const char *from_where(enum listener_origin origin)
{
    static const char *const texts[] = {[LISTENER_OPENED] = "",
                                        [LISTENER_PASSED] = ", inherited",
                                        [LISTENER_STORED] = ", kept by systemd"};

    return texts[origin];
}

void listeners_log(const struct listeners *listeners, struct log *log)
{
    char text[ADDRESS_DESCRIPTION_MAX];

    for (size_t i = 0; i < listeners->count; i++) {
        const struct listener *l = &listeners->item[i];
        if (!l->fresh)
            continue;
        log_event(log, EVENT_LISTENER_UP, LOG_INFO, "listening on %s (%s, %s)%s",
                  describe_own(l, text), l->settings->name, service_name(l->settings->service),
                  from_where(l->origin));
    }
}

void listeners_close(struct listeners *listeners, bool kept)
{
    for (size_t i = 0; i < listeners->count; i++) {
        struct listener *l = &listeners->item[i];
        if (!kept && l->origin != LISTENER_PASSED)
            socket_file_remove(&l->file, &l->address);
        passed_fds_close(&l->fd);
    }
    free(listeners->item);
    *listeners = (struct listeners){0};
}

void listeners_store(struct listeners *listeners)
{
    for (size_t i = 0; i < listeners->count; i++) {
        struct listener *l = &listeners->item[i];
        if (l->origin != LISTENER_PASSED && !l->stored)
            l->stored = fd_store_keep(l->settings->name, l->fd);
    }
}

size_t listeners_datagram_count(const struct listeners *listeners)
{
    size_t count = 0;

    for (size_t i = 0; i < listeners->count; i++)
        count += protocol_type(listeners->item[i].settings->protocol) == SOCK_DGRAM;
    return count;
}

void listeners_save(const struct listeners *listeners, struct handover *handover)
{
    for (size_t i = 0; i < listeners->count; i++) {
        const struct listener *l = &listeners->item[i];
        fprintf(handover->to, "listener %d %d %s %llu %llu\n", l->fd, (int)l->origin,
                l->settings->name, (unsigned long long)l->file.device,
                (unsigned long long)l->file.inode);
        handover_add(handover, l->fd);
    }
}
