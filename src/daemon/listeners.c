#include "daemon/listeners.h"

#include "base/util.h"
#include "config/options.h"
#include "net/endpoint.h"
#include "net/listener.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

/* An address that is wanted, and by which listener. */
struct wish {
    struct address address;
    const struct listen_settings *settings;
};

struct wishes {
    struct wish *item;
    size_t count;
};

const char *listen_service_name(const struct listen_settings *listen)
{
    return choice_of(option_find(SECTION_LISTEN, "service"), listen->service)->name;
}

/* ---- what is wanted ---- */

static void resolve(const struct listen_settings *listen, struct addresses *list,
                    const struct settings *settings, struct problems *problems)
{
    char reason[NET_REASON_MAX], section[64];

    snprintf(section, sizeof(section), "listen %s", listen->name);
    for (size_t i = 0; i < listen->addresses.count; i++) {
        const char *text = listen->addresses.item[i];
        if (listen->protocol == PROTOCOL_UNIX)
            endpoint_add_unix(text, list);
        else if (endpoint_resolve(text, listen->port, list, reason) < 0)
            problem_add(problems, FATAL, settings_origin(settings, listen, "address"), section,
                        "address", "%s", reason);
    }
}

static bool is_any(const struct address *a)
{
    static const uint8_t zero[16];
    size_t count = 0;
    const uint8_t *bytes = address_bytes(a, &count);

    return bytes && memcmp(bytes, zero, count) == 0;
}

/* Whether the kernel would refuse the one once the other is bound. */
static bool clashes(const struct address *a, const struct address *b)
{
    if (address_is_ip(a) && address_port(a) == 0)
        return false; /* the kernel will choose different ones */
    if (address_equal(a, b))
        return true;
    return a->sa.sa_family == b->sa.sa_family && address_is_ip(a) &&
           address_port(a) == address_port(b) && (is_any(a) || is_any(b));
}

static void check_clash(const struct wishes *wishes, const struct wish *wish,
                        const struct settings *settings, struct problems *problems)
{
    char text[ADDRESS_TEXT_MAX], section[64];

    for (size_t i = 0; i < wishes->count; i++) {
        const struct wish *other = &wishes->item[i];
        if (!clashes(&wish->address, &other->address))
            continue;
        snprintf(section, sizeof(section), "listen %s", wish->settings->name);
        problem_add(problems, FATAL, settings_origin(settings, wish->settings, "address"), section,
                    "address", "%s is taken already, by [listen %s]",
                    address_format(&wish->address, text, sizeof(text)), other->settings->name);
        return;
    }
}

static struct wishes make_wishes(const struct settings *settings, struct problems *problems)
{
    struct wishes wishes = {0};

    for (size_t i = 0; i < settings->listen_count; i++) {
        const struct listen_settings *listen = settings->listens[i];
        struct addresses list = {0};
        if (!listen->unserved)
            resolve(listen, &list, settings, problems);
        for (size_t j = 0; j < list.count; j++) {
            struct wish wish = {.address = list.item[j], .settings = listen};
            check_clash(&wishes, &wish, settings, problems);
            wishes.item = array_append(wishes.item, &wishes.count, sizeof(wish));
            wishes.item[wishes.count - 1] = wish;
        }
        free(list.item);
    }
    return wishes;
}

void listeners_check(const struct settings *settings, struct problems *problems)
{
    struct wishes wishes = make_wishes(settings, problems);

    if (wishes.count == 0 && problems->fatal == 0)
        problem_add(problems, FATAL, (struct origin){.file = settings->files[0]}, NULL, NULL,
                    "this version can serve none of the listeners");
    free(wishes.item);
}

/* ---- opening ---- */

/* What is under way: the descriptors that systemd passed, -1 once they are taken. */
struct opening {
    struct listeners *listeners;
    struct log *log;
    int *passed;
    size_t passed_count;
    bool ipv6;
    int status; /* the exit status of the first failure */
};

static void add_listener(struct opening *in, const struct wish *wish, int fd, bool inherited)
{
    struct listeners *listeners = in->listeners;
    struct listener listener = {.fd = fd, .settings = wish->settings, .inherited = inherited};
    struct stat st;

    address_local(&listener.address, fd);
    if (!address_is_ip(&wish->address) && stat(wish->address.un.sun_path, &st) == 0) {
        listener.device = st.st_dev;
        listener.inode = st.st_ino;
    }
    listeners->item = array_append(listeners->item, &listeners->count, sizeof(listener));
    listeners->item[listeners->count - 1] = listener;
}

/* Whether an inherited socket serves WISH; it may serve another one, too ([::] and 0.0.0.0). */
static bool inherit(struct opening *in, const struct wish *wish)
{
    for (size_t i = 0; i < in->listeners->count; i++)
        if (in->listeners->item[i].inherited &&
            listener_serves(in->listeners->item[i].fd, &wish->address))
            return true;
    for (size_t i = 0; i < in->passed_count; i++) {
        if (in->passed[i] < 0 || !listener_serves(in->passed[i], &wish->address))
            continue;
        fd_set_nonblocking(in->passed[i], true);
        add_listener(in, wish, in->passed[i], true);
        in->passed[i] = -1;
        return true;
    }
    return false;
}

static int status_of(int error)
{
    return error == -EACCES || error == -EPERM ? EXIT_NOPERM : EXIT_UNAVAILABLE;
}

static void open_wish(struct opening *in, const struct wish *wish)
{
    char reason[NET_REASON_MAX], text[ADDRESS_TEXT_MAX];

    if (!in->ipv6 && wish->address.sa.sa_family == AF_INET6) {
        log_notice(in->log, "listener %s: %s is left out, this machine has no IPv6",
                   wish->settings->name, address_format(&wish->address, text, sizeof(text)));
        return;
    }
    int fd = listener_open(&wish->address, wish->settings->mode, reason);
    if (fd >= 0) {
        add_listener(in, wish, fd, false);
        return;
    }
    log_error(in->log, "listener %s: %s", wish->settings->name, reason);
    if (in->status == 0)
        in->status = status_of(fd);
}

/* The inherited ones first: [::], if passed, may serve 0.0.0.0, which could not be opened. */
static void open_wishes(struct opening *in, const struct wishes *wishes)
{
    bool *served = memory_zeroed(wishes->count, sizeof(*served));

    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < wishes->count; i++)
            served[i] = served[i] || inherit(in, &wishes->item[i]);
    for (size_t i = 0; i < wishes->count; i++)
        if (!served[i])
            open_wish(in, &wishes->item[i]);
    free(served);
}

static void close_strays(struct opening *in)
{
    char text[ADDRESS_TEXT_MAX] = "?";
    struct address address;

    for (size_t i = 0; i < in->passed_count; i++) {
        if (in->passed[i] < 0)
            continue;
        if (address_local(&address, in->passed[i]) == 0)
            address_format(&address, text, sizeof(text));
        log_warning(in->log,
                    "an inherited socket, %s, is none that a [listen] section asks for: closed",
                    text);
        fd_close(&in->passed[i]);
    }
}

static void take_passed(struct opening *in)
{
    int count = sd_listen_fds(1);

    for (int i = 0; i < count; i++) {
        in->passed = array_append(in->passed, &in->passed_count, sizeof(*in->passed));
        in->passed[in->passed_count - 1] = SD_LISTEN_FDS_START + i;
    }
}

static void check_each_has_one(struct opening *in, const struct settings *settings)
{
    for (size_t i = 0; i < settings->listen_count && in->status == 0; i++) {
        bool found = settings->listens[i]->unserved;
        for (size_t j = 0; j < in->listeners->count; j++)
            found = found || in->listeners->item[j].settings == settings->listens[i];
        if (found)
            continue;
        log_error(in->log, "listener %s: none of its addresses is left to listen on",
                  settings->listens[i]->name);
        in->status = EXIT_UNAVAILABLE;
    }
    if (in->listeners->count == 0 && in->status == 0) {
        log_error(in->log, "there is no listener left that this version can serve");
        in->status = EXIT_CONFIG;
    }
}

static int report(const struct problems *problems, struct log *log)
{
    for (size_t i = 0; i < problems->count; i++)
        log_error(log, "%s", problems->list[i].text);
    return problems->fatal ? EXIT_CONFIG : 0;
}

int listeners_open(struct listeners *listeners, const struct settings *settings, struct log *log)
{
    struct opening in = {.listeners = listeners, .log = log, .ipv6 = ipv6_works()};
    struct problems problems = {0};

    *listeners = (struct listeners){0};
    struct wishes wishes = make_wishes(settings, &problems);
    in.status = report(&problems, log);
    take_passed(&in);
    if (in.status == 0)
        open_wishes(&in, &wishes);
    close_strays(&in);
    check_each_has_one(&in, settings);
    problems_free(&problems);
    free(wishes.item);
    free(in.passed);
    return in.status;
}

void listeners_print(const struct listeners *listeners)
{
    char text[ADDRESS_TEXT_MAX];

    for (size_t i = 0; i < listeners->count; i++) {
        const struct listener *l = &listeners->item[i];
        printf("listening on %s (%s, %s)\n", address_format(&l->address, text, sizeof(text)),
               l->settings->name, listen_service_name(l->settings));
    }
    fflush(stdout);
}

void listeners_log(const struct listeners *listeners, struct log *log)
{
    char text[ADDRESS_TEXT_MAX];

    for (size_t i = 0; i < listeners->count; i++) {
        const struct listener *l = &listeners->item[i];
        log_event(log, EVENT_LISTENER_UP, LOG_INFO, "listening on %s (%s, %s)%s",
                  address_format(&l->address, text, sizeof(text)), l->settings->name,
                  listen_service_name(l->settings), l->inherited ? ", inherited" : "");
    }
}

static void remove_file(const struct listener *listener)
{
    const char *path = listener->address.un.sun_path;
    struct stat st;

    if (address_is_ip(&listener->address) || listener->inherited || listener->inode == 0)
        return;
    if (lstat(path, &st) == 0 && st.st_dev == listener->device && st.st_ino == listener->inode)
        unlink(path);
}

void listeners_close(struct listeners *listeners)
{
    for (size_t i = 0; i < listeners->count; i++) {
        remove_file(&listeners->item[i]);
        fd_close(&listeners->item[i].fd);
    }
    free(listeners->item);
    *listeners = (struct listeners){0};
}

/* ---- a connection that somebody else accepted ---- */

static bool fits(const struct listen_settings *listen, const struct address *local)
{
    struct address path;

    if (listen->protocol != PROTOCOL_UNIX)
        return address_is_ip(local) && listen->port == address_port(local);
    for (size_t i = 0; i < listen->addresses.count; i++)
        if (address_unix(&path, listen->addresses.item[i]) == 0 && address_equal(&path, local))
            return true;
    return false;
}

const struct listen_settings *listeners_match(const struct settings *settings, int fd)
{
    const struct listen_settings *match = settings->listens[0];
    struct address local;

    for (size_t i = settings->listen_count; i > 0 && address_local(&local, fd) == 0; i--)
        if (fits(settings->listens[i - 1], &local))
            match = settings->listens[i - 1];
    return match->unserved ? NULL : match;
}
