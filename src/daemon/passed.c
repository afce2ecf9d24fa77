#include "daemon/passed.h"

#include "base/fd.h"
#include "base/memory.h"
#include "daemon/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

void passed_add(struct passed *passed, const struct passed_socket *socket)
{
    passed->item = array_append(passed->item, &passed->count, sizeof(*passed->item));
    passed->item[passed->count - 1] = *socket;
}

void passed_free(struct passed *passed)
{
    free(passed->item);
    identity_index_free(&passed->index);
    *passed = (struct passed){0};
}

/* ---- from systemd ---- */

/* How many descriptors systemd announces to this process; 0: none that there could be. */
static int announced(void)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    struct rlimit files;
    uint64_t process, number;

    if (!pid || !count || number_parse(pid, &process) < 0 || process != (uint64_t)getpid() ||
        number_parse(count, &number) < 0 || getrlimit(RLIMIT_NOFILE, &files) < 0 ||
        number > files.rlim_cur || number > INT32_MAX - SD_LISTEN_FDS_START)
        return 0;
    return (int)number;
}

/* Puts something in the place of the descriptor FD if it is not open: without that sd_listen_fds(3)
 * would refuse them all. Returns whether it did. */
static bool fill_gap(int fd)
{
    if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
        return false;
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null == fd || null < 0)
        return true;
    dup3(null, fd, O_CLOEXEC);
    fd_close(&null);
    return true;
}

static void add_from_systemd(struct passed *passed, int fd, const char *name, bool missing)
{
    struct passed_socket socket = {.fd = fd, .origin = LISTENER_PASSED, .missing = missing};
    const char *stored = notify_stored_name(name);

    if (stored) {
        socket.origin = LISTENER_STORED;
        snprintf(socket.name, sizeof(socket.name), "%s", stored);
    }
    passed_add(passed, &socket);
}

void passed_from_systemd(struct passed *passed)
{
    int expected = announced();
    bool *missing = memory_zeroed((size_t)expected, sizeof(*missing));
    char **names = NULL;

    for (int i = 0; i < expected; i++)
        missing[i] = fill_gap(SD_LISTEN_FDS_START + i);
    int count = sd_listen_fds_with_names(1, &names);
    for (int i = 0; i < count; i++) {
        add_from_systemd(passed, SD_LISTEN_FDS_START + i, names[i], i < expected && missing[i]);
        free(names[i]);
    }
    free(names);
    free(missing);
}

/* ---- looking for one ---- */

/* That of a socket unit is systemd's, and so is its file. */
static bool has_lost_file(const struct passed_socket *socket)
{
    return socket->origin != LISTENER_PASSED &&
           !socket_file_stands(&socket->file, &socket->facts.address);
}

/* One whose port the kernel chose is looked for by its name, too. */
static void add_to_index(struct passed *passed, size_t number)
{
    const struct passed_socket *socket = &passed->item[number];
    struct identity identity = identity_of(&socket->facts.address);

    identity_index_add(&passed->index, &identity, number);
    if (!socket->name[0] || !address_is_ip(&socket->facts.address))
        return;
    identity_set_name(&identity, socket->name);
    identity_index_add(&passed->index, &identity, number);
}

void passed_examine(struct passed *passed)
{
    for (size_t i = 0; i < passed->count; i++) {
        struct passed_socket *socket = &passed->item[i];
        socket->facts = listener_examine(socket->fd);
        if (socket->facts.type < 0)
            continue;
        socket->lost = has_lost_file(socket);
        add_to_index(passed, i);
    }
    identity_index_sort(&passed->index);
}

/* The next socket of INDEX from *PLACE on that has IDENTITY, or NULL. */
static struct passed_socket *next_of(const struct passed *passed, const struct identity *identity,
                                     size_t *place)
{
    const struct identity_index *index = &passed->index;

    if (*place >= index->count || identity_compare(&index->entry[*place].identity, identity) != 0)
        return NULL;
    return &passed->item[index->entry[(*place)++].number];
}

static struct passed_socket *find(const struct passed *passed, const struct identity *identity,
                                  int type, bool dual)
{
    size_t place = identity_index_search(&passed->index, identity);
    struct passed_socket *socket;

    while ((socket = next_of(passed, identity, &place)) != NULL)
        if (socket->facts.type == type && socket->facts.listens && !socket->lost &&
            (!dual || socket->facts.dual))
            return socket;
    return NULL;
}

/* [::] of the port of ADDRESS. */
static struct identity any_ipv6(const struct address *address)
{
    struct address any = {.len = sizeof(any.in6), .in6 = {.sin6_family = AF_INET6}};

    address_set_port(&any, address_port(address));
    return identity_of(&any);
}

static bool is_any_ipv4(const struct address *address)
{
    return address->sa.sa_family == AF_INET && address->in.sin_addr.s_addr == INADDR_ANY;
}

struct passed_socket *passed_find(const struct passed *passed, const struct wish *wish)
{
    int type = protocol_type(wish->settings->protocol);
    struct identity identity = identity_of(&wish->address);

    if (address_is_ip(&wish->address) && address_port(&wish->address) == 0) {
        identity_set_name(&identity, wish->settings->name);
        return find(passed, &identity, type, false);
    }
    struct passed_socket *socket = find(passed, &identity, type, false);
    if (socket || !is_any_ipv4(&wish->address))
        return socket;
    identity = any_ipv6(&wish->address);
    return find(passed, &identity, type, true);
}

/* ---- what is in the way ---- */

static bool is_open(const struct passed_socket *socket)
{
    return socket->fd >= 0 && !socket->lost;
}

/* One with IDENTITY, of TYPE, or -1 for any. */
static bool is_held(const struct passed *passed, const struct identity *identity, int type,
                    bool dual)
{
    size_t place = identity_index_search(&passed->index, identity);
    const struct passed_socket *socket;

    while ((socket = next_of(passed, identity, &place)) != NULL)
        if (is_open(socket) && (type < 0 || socket->facts.type == type) &&
            (!dual || socket->facts.dual))
            return true;
    return false;
}

/* Any of the family and port of WISH, which wants all addresses. */
static bool port_is_held(const struct passed *passed, const struct identity *wanted, int type)
{
    const struct identity_index *index = &passed->index;

    for (size_t i = identity_index_search(index, wanted); i < index->count; i++) {
        const struct identity_entry *entry = &index->entry[i];
        const struct passed_socket *socket = &passed->item[entry->number];
        if (entry->identity.family != wanted->family || entry->identity.port != wanted->port)
            return false;
        if (is_open(socket) && socket->facts.type == type)
            return true;
    }
    return false;
}

bool passed_blocks(const struct passed *passed, const struct wish *wish)
{
    int type = protocol_type(wish->settings->protocol);
    struct identity identity = identity_of(&wish->address), any = {0};

    if (!address_is_ip(&wish->address))
        return is_held(passed, &identity, wish->address.un.sun_path[0] ? -1 : type, false);
    if (identity.port == 0)
        return false; /* the kernel will choose another one */
    any.family = identity.family;
    any.port = identity.port;
    if (identity_compare(&identity, &any) == 0 && port_is_held(passed, &any, type))
        return true;
    struct identity any6 = any_ipv6(&wish->address);
    return is_held(passed, &identity, type, false) || is_held(passed, &any, type, false) ||
           (wish->address.sa.sa_family == AF_INET && is_held(passed, &any6, type, true));
}

/* ---- those that nobody wants ---- */

const char *describe_address(const struct address *address, int type, char *buf)
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

static void log_no_socket(struct log *log, const struct passed_socket *socket)
{
    if (socket->missing)
        log_warning(log,
                    "LISTEN_FDS announces descriptor %d, which is not open: whoever started echod "
                    "closed it, or counted wrong",
                    socket->fd);
    else
        log_warning(log, "closing inherited descriptor %d: it is no socket that can be listened on",
                    socket->fd);
}

/* One of those that a socket unit passes. */
static void log_inherited(struct log *log, const struct passed_socket *socket, const char *text)
{
    char peer_text[ADDRESS_TEXT_MAX];
    struct address peer;

    bool connected = socket->facts.connected && address_peer(&peer, socket->fd) == 0;
    if (connected && socket->facts.type == SOCK_DGRAM)
        log_warning(
            log, "closing inherited socket %s: it is connected to %s, and hears from nobody else",
            text, address_format(&peer, peer_text, sizeof(peer_text)));
    else if (connected)
        log_warning(log,
                    "closing inherited socket %s: it is a connection of %s and not a listener; set "
                    "Accept=no in the socket unit, or start echod with --inetd",
                    text, address_format(&peer, peer_text, sizeof(peer_text)));
    else if (!socket->facts.listens)
        log_warning(log,
                    "closing inherited socket %s: it is not listening; a socket unit for echod has "
                    "Accept=no",
                    text);
    else
        log_warning(log, "closing inherited socket %s: no [listen] section matches it", text);
}

void passed_log_stray(struct log *log, const struct passed_socket *socket)
{
    char text[DESCRIPTION_MAX];

    if (socket->facts.type < 0) {
        log_no_socket(log, socket);
        return;
    }
    describe_address(&socket->facts.address, socket->facts.type, text);
    if (socket->lost)
        log_event(log, EVENT_LISTENER_DOWN, LOG_WARNING,
                  "no longer listening on %s (%s): its file is gone, or another's", text,
                  socket->name);
    else if (socket->name[0])
        log_event(log, EVENT_LISTENER_DOWN, LOG_INFO, "no longer listening on %s (%s)", text,
                  socket->name);
    else
        log_inherited(log, socket, text);
}
