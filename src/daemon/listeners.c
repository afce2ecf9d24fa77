#include "daemon/listeners.h"

#include "base/rights.h"
#include "base/util.h"
#include "daemon/notify.h"
#include "daemon/wishes.h"
#include "net/listener.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

void listeners_check(const struct settings *settings, struct problems *problems)
{
    struct wishes wishes = wishes_make(settings, problems);

    free(wishes.item);
}

/* ---- sockets that are there already ---- */

void passed_add(struct passed *passed, const struct passed_socket *socket)
{
    passed->item = array_append(passed->item, &passed->count, sizeof(*passed->item));
    passed->item[passed->count - 1] = *socket;
}

void passed_from_systemd(struct passed *passed)
{
    char **names = NULL;
    int count = sd_listen_fds_with_names(1, &names);

    for (int i = 0; i < count; i++) {
        struct passed_socket socket = {.fd = SD_LISTEN_FDS_START + i, .origin = LISTENER_PASSED};
        const char *stored = notify_stored_name(names[i]);
        if (stored) {
            socket.origin = LISTENER_STORED;
            snprintf(socket.name, sizeof(socket.name), "%s", stored);
        }
        passed_add(passed, &socket);
        free(names[i]);
    }
    free(names);
}

/* ---- opening ---- */

/* An address with the kind of its socket. */
#define DESCRIPTION_MAX (ADDRESS_TEXT_MAX + 16)

struct opening {
    struct listeners *listeners;
    struct passed *passed;
    struct log *log;
    bool rehearsal; /* what is not wanted any more is still bound, by the daemon that asked */
    bool ipv6;
    int status; /* the exit status of the first failure */
};

/* Adds LISTENER for WISH, which it becomes complete by. */
static void add_listener(struct opening *in, const struct wish *wish, struct listener listener)
{
    struct listeners *listeners = in->listeners;

    listener.settings = wish->settings;
    address_local(&listener.address, listener.fd);
    rights_refuse(listener.fd); /* whoever made it; one that is no Unix socket has no such option */
    if (listener.file.inode == 0)
        listener.file = socket_file_at(&listener.address);
    listeners->item = array_append(listeners->item, &listeners->count, sizeof(listener));
    listeners->item[listeners->count - 1] = listener;
}

/* Whether SOCKET is what the listener of WISH had before: the kernel chose its port then. */
static bool kept_its_port(const struct passed_socket *socket, const struct wish *wish)
{
    struct address bound;

    if (!address_is_ip(&wish->address) || address_port(&wish->address) != 0 ||
        listener_type(socket->fd) != protocol_type(wish->settings->protocol) ||
        strcmp(socket->name, wish->settings->name) != 0 || address_local(&bound, socket->fd) < 0)
        return false;
    address_set_port(&bound, 0);
    return address_equal(&bound, &wish->address);
}

static bool is_for(int fd, const struct wish *wish)
{
    return listener_serves(fd, &wish->address, protocol_type(wish->settings->protocol));
}

/* Whether nobody can reach the socket by its path any more. That of a socket unit is systemd's. */
static bool has_lost_file(const struct passed_socket *socket)
{
    struct address address;

    return socket->origin != LISTENER_PASSED && address_local(&address, socket->fd) == 0 &&
           !socket_file_stands(&socket->file, &address);
}

static bool serves(const struct passed_socket *socket, const struct wish *wish)
{
    return socket->fd >= 0 && !has_lost_file(socket) &&
           (is_for(socket->fd, wish) || kept_its_port(socket, wish));
}

/* SOCKET serves WISH from now on. The manager would keep it under its old name, too, and even when
 * the new one is taken back: notify_store() comes later. */
static void take(struct opening *in, const struct wish *wish, struct passed_socket *socket)
{
    bool renamed = socket->name[0] && strcmp(socket->name, wish->settings->name) != 0;

    if (renamed && socket->origin != LISTENER_PASSED)
        notify_forget(socket->name);
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

/* Whether a socket that is there serves WISH; one may serve two of them ([::] and 0.0.0.0). */
static bool adopt(struct opening *in, const struct wish *wish)
{
    for (size_t i = 0; i < in->listeners->count; i++)
        if (is_for(in->listeners->item[i].fd, wish))
            return true;
    for (size_t i = 0; i < in->passed->count; i++) {
        struct passed_socket *socket = &in->passed->item[i];
        if (!serves(socket, wish))
            continue;
        take(in, wish, socket);
        return true;
    }
    return false;
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

static void open_wish(struct opening *in, const struct wish *wish)
{
    char reason[NET_REASON_MAX], text[ADDRESS_TEXT_MAX];

    if (!in->ipv6 && wish->address.sa.sa_family == AF_INET6) {
        log_notice(in->log, "listener %s: %s is left out, this machine has no IPv6",
                   wish->settings->name, address_format(&wish->address, text, sizeof(text)));
        return;
    }
    int type = protocol_type(wish->settings->protocol);
    int fd = listener_open(&wish->address, type, how_to_open(in, wish), reason);
    if (fd >= 0) {
        add_listener(in, wish,
                     (struct listener){.fd = fd, .origin = LISTENER_OPENED, .fresh = true});
        return;
    }
    log_error(in->log, "listener %s: %s", wish->settings->name, reason);
    if (in->status == 0)
        in->status = status_of(fd);
}

/* ADDRESS and, before it, what it does not tell: "udp ". */
static const char *describe(const struct address *address, int type, char *buf)
{
    char text[ADDRESS_TEXT_MAX];
    const char *kind = "";

    if (type == SOCK_DGRAM)
        kind = address_is_ip(address) ? "udp " : "dgram ";
    else if (type == SOCK_SEQPACKET)
        kind = "seqpacket ";
    snprintf(buf, DESCRIPTION_MAX, "%s%s", kind, address_format(address, text, sizeof(text)));
    return buf;
}

static void log_closed(struct log *log, const struct passed_socket *socket, const char *text)
{
    if (has_lost_file(socket))
        log_event(log, EVENT_LISTENER_DOWN, LOG_WARNING,
                  "no longer listening on %s (%s): its file is gone, or another's", text,
                  socket->name);
    else if (socket->name[0])
        log_event(log, EVENT_LISTENER_DOWN, LOG_INFO, "no longer listening on %s (%s)", text,
                  socket->name);
    else
        log_warning(log,
                    "an inherited socket, %s, is none that a [listen] section asks for: "
                    "closed",
                    text);
}

/* Closes what nobody wants; the file of a Unix socket that was ours goes with it. */
static void close_strays(struct opening *in)
{
    char text[DESCRIPTION_MAX] = "?";
    struct address address = {0};

    for (size_t i = 0; i < in->passed->count; i++) {
        struct passed_socket *socket = &in->passed->item[i];
        if (socket->fd < 0)
            continue;
        if (address_local(&address, socket->fd) == 0)
            describe(&address, listener_type(socket->fd), text);
        log_closed(in->log, socket, text);
        if (socket->name[0])
            notify_forget(socket->name);
        if (!in->rehearsal && socket->origin != LISTENER_PASSED)
            socket_file_remove(&socket->file, &address);
        rights_close(&socket->fd);
    }
}

/* Those that are there first: [::], if passed, may serve 0.0.0.0, which could not be opened. */
static void adopt_wishes(struct opening *in, const struct wishes *wishes, bool *served)
{
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < wishes->count; i++)
            served[i] = served[i] || adopt(in, &wishes->item[i]);
}

/* Whether WISH can be had only once a socket that is not wanted any more is closed. */
static bool awaits_a_stray(const struct opening *in, const struct wish *wish)
{
    struct address address;

    for (size_t i = 0; i < in->passed->count; i++) {
        const struct passed_socket *socket = &in->passed->item[i];
        if (socket->fd >= 0 && !has_lost_file(socket) && address_local(&address, socket->fd) == 0 &&
            wish_clashes(wish, &address, listener_type(socket->fd)))
            return true;
    }
    return false;
}

/* Before the missing ones are opened what is not wanted goes: it may be in their way. */
static void open_wishes(struct opening *in, const struct wishes *wishes)
{
    bool *served = memory_zeroed(wishes->count, sizeof(*served)), blocked = false;

    adopt_wishes(in, wishes, served);
    for (size_t i = 0; i < wishes->count; i++) {
        bool awaits = !served[i] && awaits_a_stray(in, &wishes->item[i]);
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

static void check_each_has_one(struct opening *in, const struct settings *settings)
{
    for (size_t i = 0; i < settings->listen_count && in->status == 0; i++) {
        bool found = false;
        for (size_t j = 0; j < in->listeners->count; j++)
            found = found || in->listeners->item[j].settings == settings->listens[i];
        if (found)
            continue;
        log_error(in->log, "listener %s: none of its addresses is left to listen on",
                  settings->listens[i]->name);
        in->status = EXIT_UNAVAILABLE;
    }
}

static int report(const struct problems *problems, struct log *log)
{
    for (size_t i = 0; i < problems->count; i++)
        log_error(log, "%s", problems->list[i].text);
    return problems->fatal ? EXIT_CONFIG : 0;
}

int listeners_open(struct listeners *listeners, const struct settings *settings,
                   struct passed *passed, struct log *log, bool rehearsal)
{
    struct opening in = {.listeners = listeners,
                         .passed = passed,
                         .log = log,
                         .rehearsal = rehearsal,
                         .ipv6 = ipv6_works()};
    struct problems problems = {0};

    *listeners = (struct listeners){0};
    struct wishes wishes = wishes_make(settings, &problems);
    in.status = report(&problems, log);
    open_wishes(&in, &wishes);
    if (!rehearsal)
        check_each_has_one(&in, settings);
    problems_free(&problems);
    free(wishes.item);
    free(passed->item);
    *passed = (struct passed){0};
    return in.status;
}

static const char *describe_own(const struct listener *listener, char *buf)
{
    return describe(&listener->address, protocol_type(listener->settings->protocol), buf);
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
        rights_close(&l->fd);
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
        if (address_unix(&path, listen->addresses.item[i]) == 0 && address_equal(&path, local))
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
