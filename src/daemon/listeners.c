#include "daemon/listeners.h"

#include "base/exit.h"
#include "base/memory.h"
#include "base/passed_fds.h"
#include "daemon/notify.h"
#include "daemon/wishes.h"
#include "net/listener.h"
#include "net/sockopts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void listeners_check(const struct settings *settings, struct problems *problems)
{
    struct wishes wishes = wishes_make(settings, problems);

    wishes_free(&wishes);
}

/* ---- opening ---- */

struct opening {
    struct listeners *listeners;
    struct passed *passed;
    const struct settings *settings;
    struct log *log;
    bool rehearsal; /* what is not wanted any more is still bound, by the daemon that asked */
    bool *has_one;  /* of each listener of the settings, whether it has a socket */
    int status;     /* the exit status of the first failure */
};

/* Adds LISTENER for WISH, which it becomes complete by. */
static void add_listener(struct opening *in, const struct wish *wish, struct listener listener)
{
    struct listeners *listeners = in->listeners;

    listener.settings = wish->settings;
    address_local(&listener.address, listener.fd);
    passed_fds_refuse(
        listener.fd); /* whoever made it; one that is no Unix socket has no such option */
    /* A rehearsal shares the sockets of the daemon that runs. */
    if (!in->rehearsal) {
        sockopts_keepalive(listener.fd, in->settings->server->keepalive);
        listener_save_syn(listener.fd, wish->settings->service == SERVICE_WHOAMI);
    }
    if (listener.file.inode == 0)
        listener.file = socket_file_at(&listener.address);
    listeners->item = array_append(listeners->item, &listeners->count, sizeof(listener));
    listeners->item[listeners->count - 1] = listener;
    in->has_one[wish->number] = true;
}

/* SOCKET serves WISH from now on. The manager would keep it under its old name, too, and even when
 * the new one is taken back: notify_store() comes later. In a rehearsal it is still another's. */
static void take(struct opening *in, const struct wish *wish, struct passed_socket *socket)
{
    bool renamed = socket->name[0] && strcmp(socket->name, wish->settings->name) != 0;

    if (renamed && socket->origin != LISTENER_PASSED)
        notify_forget(socket->name);
    if (!in->rehearsal)
        listener_adopt(socket->fd);
    if (wish->settings->reuse_port && address_is_ip(&wish->address) && !in->rehearsal)
        listener_share(socket->fd);
    add_listener(in, wish,
                 (struct listener){.fd = socket->fd,
                                   .origin = socket->origin,
                                   .fresh = !socket->known,
                                   .file = socket->file});
    socket->fd = -1;
}

static int status_of(int error)
{
    return error == -EACCES || error == -EPERM || error == -EAFNOSUPPORT ? EXIT_NOPERM
                                                                         : EXIT_UNAVAILABLE;
}

static unsigned how_to_open(const struct opening *in, const struct wish *wish)
{
    if (!address_is_ip(&wish->address))
        return wish->settings->mode;
    return (wish->settings->reuse_port ? LISTENER_REUSE_PORT : 0) |
           (in->rehearsal ? LISTENER_TRIAL : 0);
}

/* Whether a listener may do without WISH, which failed with ERROR: where there is no IPv6, or none
 * on the loopback interface, "localhost" and "*" stand for fewer addresses. */
static bool is_dispensable(const struct wish *wish, int error)
{
    const struct address *a = &wish->address;

    if (a->sa.sa_family != AF_INET6)
        return false;
    return error == -EPROTONOSUPPORT ||
           (error == -EADDRNOTAVAIL && IN6_IS_ADDR_LOOPBACK(&a->in6.sin6_addr));
}

static void open_wish(struct opening *in, const struct wish *wish)
{
    char reason[NET_REASON_MAX];
    int type = protocol_type(wish->settings->protocol);
    int fd = listener_open(&wish->address, type, how_to_open(in, wish), reason);

    if (fd >= 0) {
        add_listener(in, wish,
                     (struct listener){.fd = fd, .origin = LISTENER_OPENED, .fresh = true});
        return;
    }
    if (is_dispensable(wish, fd)) {
        log_notice(in->log, "listener %s: left out: %s", wish->settings->name, reason);
        return;
    }
    log_error(in->log, "listener %s: %s", wish->settings->name, reason);
    if (in->status == 0)
        in->status = status_of(fd);
}

/* Closes what nobody wants; the file of a Unix socket that was ours goes with it. */
static void close_strays(struct opening *in)
{
    for (size_t i = 0; i < in->passed->count; i++) {
        struct passed_socket *socket = &in->passed->item[i];
        if (socket->fd < 0)
            continue;
        passed_log_stray(in->log, socket);
        if (socket->name[0])
            notify_forget(socket->name);
        if (!in->rehearsal && socket->origin != LISTENER_PASSED && socket->facts.type >= 0)
            socket_file_remove(&socket->file, &socket->facts.address);
        passed_fds_close(&socket->fd);
    }
}

/* A socket that is taken may serve another one, too: [::] serves 0.0.0.0. */
static void adopt_wishes(struct opening *in, const struct wishes *wishes, bool *served)
{
    for (size_t i = 0; i < wishes->count; i++) {
        struct passed_socket *socket = passed_find(in->passed, &wishes->item[i]);
        served[i] = socket != NULL;
        if (socket && socket->fd >= 0)
            take(in, &wishes->item[i], socket);
    }
}

/* Tells of each socket that was taken, and takes more than is asked for: IPv4 and IPv6. */
static void warn_of_dual(const struct opening *in, const struct wishes *wishes)
{
    static const char *const any[] = {"0.0.0.0", "::"};
    char text[ADDRESS_TEXT_MAX];
    struct address wanted;

    for (size_t i = 0; i < in->passed->count; i++) {
        const struct passed_socket *socket = &in->passed->item[i];
        for (size_t j = 0; socket->fd < 0 && socket->facts.dual && j < ARRAY_SIZE(any); j++) {
            address_numeric(&wanted, any[j], address_port(&socket->facts.address));
            if (wishes_have(wishes, &wanted, socket->facts.type))
                continue;
            log_warning(
                in->log,
                "inherited socket %s takes %s, too, which no [listen] section asks for: set "
                "BindIPv6Only=ipv6-only in the socket unit",
                address_format(&socket->facts.address, text, sizeof(text)),
                j == 0 ? "IPv4" : "IPv6");
        }
    }
}

/* Before the missing ones are opened what is not wanted goes: it may be in their way. */
static void open_wishes(struct opening *in, const struct wishes *wishes)
{
    bool *served = memory_zeroed(wishes->count, sizeof(*served)), blocked = false;

    passed_examine(in->passed);
    adopt_wishes(in, wishes, served);
    if (!in->rehearsal)
        warn_of_dual(in, wishes);
    for (size_t i = 0; i < wishes->count; i++) {
        bool awaits = !served[i] && passed_blocks(in->passed, &wishes->item[i]);
        blocked = blocked || awaits;
        served[i] = served[i] || (in->rehearsal && awaits);
    }
    close_strays(in);
    if (blocked && !in->rehearsal)
        notify_settle(); /* until systemd has closed what it kept of them */
    for (size_t i = 0; i < wishes->count; i++)
        if (!served[i])
            open_wish(in, &wishes->item[i]);
    free(served);
}

static void check_each_has_one(struct opening *in)
{
    for (size_t i = 0; i < in->settings->listen_count && in->status == 0; i++) {
        if (in->has_one[i])
            continue;
        log_error(in->log, "listener %s: none of its addresses is left to listen on",
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
                   struct passed *passed, struct log *log, bool rehearsal)
{
    struct opening in = {.listeners = listeners,
                         .passed = passed,
                         .settings = settings,
                         .log = log,
                         .rehearsal = rehearsal,
                         .has_one = memory_zeroed(settings->listen_count, sizeof(bool))};
    struct problems problems = {0};

    *listeners = (struct listeners){0};
    struct wishes wishes = wishes_make(settings, &problems);
    in.status = report(&problems, log);
    open_wishes(&in, &wishes);
    if (!rehearsal)
        check_each_has_one(&in);
    problems_free(&problems);
    wishes_free(&wishes);
    passed_free(passed);
    free(in.has_one);
    return in.status;
}

static const char *describe_own(const struct listener *listener, char *buf)
{
    return describe_address(&listener->address, protocol_type(listener->settings->protocol), buf);
}

void listeners_print(const struct listeners *listeners)
{
    char text[DESCRIPTION_MAX];

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
    char text[DESCRIPTION_MAX];

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

/* ---- a connection that somebody else accepted ---- */

static bool fits(const struct listen_settings *listen, const struct address *local)
{
    struct address path;

    if (!protocol_is_unix(listen->protocol))
        return address_is_ip(local) && listen->port == address_port(local);
    for (size_t i = 0; i < listen->addresses.count; i++)
        if (address_unix(&path, listen->addresses.item[i]) == 0 && identity_same(&path, local))
            return true;
    return false;
}

const struct listen_settings *listeners_match(const struct settings *settings, int fd)
{
    const struct listen_settings *match = NULL, *first = NULL;
    struct address local = {0};

    address_local(&local, fd);
    for (size_t i = settings->listen_count; i > 0; i--) {
        const struct listen_settings *listen = settings->listens[i - 1];
        if (listener_type(fd) != protocol_type(listen->protocol))
            continue;
        first = listen;
        match = fits(listen, &local) ? listen : match;
    }
    return match ? match : first;
}
