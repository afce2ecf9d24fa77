#include "daemon/listen/inherited.h"

#include "base/fd.h"
#include "base/memory.h"
#include "daemon/process/fd_store.h"
#include "daemon/process/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

void inherited_add(struct inherited *inherited, const struct inherited_socket *socket)
{
    inherited->item = array_append(inherited->item, &inherited->count, sizeof(*inherited->item));
    inherited->item[inherited->count - 1] = *socket;
}

void inherited_free(struct inherited *inherited)
{
    free(inherited->item);
    identity_index_free(&inherited->index);
    *inherited = (struct inherited){0};
}

/* ---- from the previous program ---- */

int inherited_restore(struct inherited *inherited, const char *line)
{
    struct inherited_socket socket = {.fd = -1};
    unsigned long long device = 0, inode = 0;
    int origin;

    /* In an older version, the line ends with the name. */
    if (sscanf(line, "listener %d %d %32s %llu %llu", &socket.fd, &origin, socket.name, &device,
               &inode) < 3)
        return -EPROTO;
    socket.file = (struct socket_file){.device = (dev_t)device, .inode = (ino_t)inode};
    socket.origin = (enum listener_origin)origin;
    socket.known = true;
    handover_take(socket.fd);
    inherited_add(inherited, &socket);
    return 0;
}

/* ---- from systemd ---- */

/* Returns the number of descriptors in LISTEN_FDS for this process, or 0 if it is not plausible. */
static int announced(bool *malformed)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    struct rlimit files;
    uint64_t process, number;

    if (!pid || !count || number_parse(pid, &process) < 0 || process != (uint64_t)getpid())
        return 0;
    *malformed = number_parse(count, &number) < 0 || getrlimit(RLIMIT_NOFILE, &files) < 0 ||
                 number > files.rlim_cur || number > INT32_MAX - SD_LISTEN_FDS_START;
    return *malformed ? 0 : (int)number;
}

/* If the descriptor FD is not open, opens /dev/null there; otherwise sd_listen_fds(3) would reject
 * all of them. Returns whether it did. */
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

static void add_from_systemd(struct inherited *inherited, int fd, const char *name, bool missing)
{
    struct inherited_socket socket = {.fd = fd, .origin = LISTENER_PASSED, .missing = missing};
    const char *stored = fd_store_name(name);

    if (stored) {
        socket.origin = LISTENER_STORED;
        snprintf(socket.name, sizeof(socket.name), "%s", stored);
    }
    inherited_add(inherited, &socket);
}

void inherited_from_systemd(struct inherited *inherited)
{
    int expected = announced(&inherited->malformed);
    bool *missing = memory_zeroed((size_t)expected, sizeof(*missing));
    char **names = NULL;

    for (int i = 0; i < expected; i++)
        missing[i] = fill_gap(SD_LISTEN_FDS_START + i);
    int count = inherited->malformed ? 0 : sd_listen_fds_with_names(1, &names);
    for (int i = 0; i < count; i++) {
        add_from_systemd(inherited, SD_LISTEN_FDS_START + i, names[i], i < expected && missing[i]);
        free(names[i]);
    }
    free(names);
    free(missing);
}

/* ---- searching ---- */

/* Whether the socket's file was removed. The file of a socket unit is managed by systemd. */
static bool has_lost_file(const struct inherited_socket *socket)
{
    return socket->origin != LISTENER_PASSED &&
           !socket_file_stands(&socket->file, &socket->facts.address);
}

/* A socket whose port was chosen by the kernel is also found by its name. */
static void add_to_index(struct inherited *inherited, size_t number)
{
    const struct inherited_socket *socket = &inherited->item[number];
    struct identity identity = identity_of(&socket->facts.address);

    identity_index_add(&inherited->index, &identity, number);
    if (!socket->name[0] || !address_is_ip(&socket->facts.address))
        return;
    identity_set_name(&identity, socket->name);
    identity_index_add(&inherited->index, &identity, number);
}

void inherited_examine(struct inherited *inherited)
{
    for (size_t i = 0; i < inherited->count; i++) {
        struct inherited_socket *socket = &inherited->item[i];
        socket->facts = listener_examine(socket->fd);
        if (socket->facts.type < 0)
            continue;
        socket->lost = has_lost_file(socket);
        add_to_index(inherited, i);
    }
    identity_index_sort(&inherited->index);
}

/* Returns the next socket in the index from *PLACE on with IDENTITY, or NULL. */
static struct inherited_socket *next_of(const struct inherited *inherited,
                                        const struct identity *identity, size_t *place)
{
    const struct identity_index *index = &inherited->index;

    if (*place >= index->count || identity_compare(&index->entry[*place].identity, identity) != 0)
        return NULL;
    return &inherited->item[index->entry[(*place)++].number];
}

static struct inherited_socket *find(const struct inherited *inherited,
                                     const struct identity *identity, int type, bool dual)
{
    size_t place = identity_index_search(&inherited->index, identity);
    struct inherited_socket *socket;

    while ((socket = next_of(inherited, identity, &place)) != NULL)
        if (socket->facts.type == type && socket->facts.listens && !socket->lost &&
            (!dual || socket->facts.dual))
            return socket;
    return NULL;
}

/* Returns the identity of [::] with the port of ADDRESS. */
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

struct inherited_socket *inherited_find(const struct inherited *inherited,
                                        const struct planned_address *planned)
{
    int type = protocol_type(planned->settings->protocol);
    struct identity identity = identity_of(&planned->address);

    if (address_is_ip(&planned->address) && address_port(&planned->address) == 0) {
        identity_set_name(&identity, planned->settings->name);
        return find(inherited, &identity, type, false);
    }
    struct inherited_socket *socket = find(inherited, &identity, type, false);
    if (socket || !is_any_ipv4(&planned->address))
        return socket;
    identity = any_ipv6(&planned->address);
    return find(inherited, &identity, type, true);
}

/* ---- conflicts ---- */

static bool is_open(const struct inherited_socket *socket)
{
    return socket->fd >= 0 && !socket->lost;
}

/* Whether a socket with IDENTITY and TYPE (-1: any) is open. */
static bool is_held(const struct inherited *inherited, const struct identity *identity, int type,
                    bool dual)
{
    size_t place = identity_index_search(&inherited->index, identity);
    const struct inherited_socket *socket;

    while ((socket = next_of(inherited, identity, &place)) != NULL)
        if (is_open(socket) && (type < 0 || socket->facts.type == type) &&
            (!dual || socket->facts.dual))
            return true;
    return false;
}

/* Whether a socket with the family and port of the wildcard address WANTED is open. */
static bool port_is_held(const struct inherited *inherited, const struct identity *wanted, int type)
{
    const struct identity_index *index = &inherited->index;

    for (size_t i = identity_index_search(index, wanted); i < index->count; i++) {
        const struct identity_entry *entry = &index->entry[i];
        const struct inherited_socket *socket = &inherited->item[entry->number];
        if (entry->identity.family != wanted->family || entry->identity.port != wanted->port)
            return false;
        if (is_open(socket) && socket->facts.type == type)
            return true;
    }
    return false;
}

bool inherited_blocks(const struct inherited *inherited, const struct planned_address *planned)
{
    int type = protocol_type(planned->settings->protocol);
    struct identity identity = identity_of(&planned->address), any = {0};

    if (!address_is_ip(&planned->address))
        return is_held(inherited, &identity, planned->address.un.sun_path[0] ? -1 : type, false);
    if (identity.port == 0)
        return false; /* port 0: the kernel will choose another port */
    any.family = identity.family;
    any.port = identity.port;
    if (identity_compare(&identity, &any) == 0 && port_is_held(inherited, &any, type))
        return true;
    struct identity any6 = any_ipv6(&planned->address);
    return is_held(inherited, &identity, type, false) || is_held(inherited, &any, type, false) ||
           (planned->address.sa.sa_family == AF_INET && is_held(inherited, &any6, type, true));
}

/* ---- sockets that no listener uses ---- */

static void log_no_socket(struct log *log, const struct inherited_socket *socket)
{
    if (socket->missing)
        log_warning(log,
                    "LISTEN_FDS includes descriptor %d, which is not open: check the program that "
                    "started echod",
                    socket->fd);
    else
        log_warning(log, "closing inherited descriptor %d: it is not a socket that can listen",
                    socket->fd);
}

/* Logs TEXT about a socket that a socket unit has passed. */
static void log_inherited(struct log *log, const struct inherited_socket *socket, const char *text)
{
    char peer_text[ADDRESS_TEXT_MAX];
    struct address peer;

    bool connected = socket->facts.connected && address_peer(&peer, socket->fd) == 0;
    if (connected && socket->facts.type == SOCK_DGRAM)
        log_warning(
            log,
            "closing inherited socket %s: it is connected to %s, and receives from no other "
            "address",
            text, address_format(&peer, peer_text, sizeof(peer_text)));
    else if (connected)
        log_warning(log,
                    "closing inherited socket %s: it is a connection from %s, not a listener; set "
                    "Accept=no in the socket unit, or start echod with --inetd",
                    text, address_format(&peer, peer_text, sizeof(peer_text)));
    else if (!socket->facts.listens)
        log_warning(
            log,
            "closing inherited socket %s: it is not listening; set Accept=no in the socket unit",
            text);
    else
        log_warning(log, "closing inherited socket %s: no [listen] section matches it", text);
}

void inherited_log_unused(struct log *log, const struct inherited_socket *socket)
{
    char text[ADDRESS_DESCRIPTION_MAX];

    if (socket->facts.type < 0) {
        log_no_socket(log, socket);
        return;
    }
    address_describe(&socket->facts.address, socket->facts.type, text);
    if (socket->lost)
        log_event(log, EVENT_LISTENER_DOWN, LOG_WARNING,
                  "no longer listening on %s (%s): its file was removed or replaced", text,
                  socket->name);
    else if (socket->name[0])
        log_event(log, EVENT_LISTENER_DOWN, LOG_INFO, "no longer listening on %s (%s)", text,
                  socket->name);
    else
        log_inherited(log, socket, text);
}
