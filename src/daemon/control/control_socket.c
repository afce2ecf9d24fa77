#include "daemon/control/control_socket.h"

#include "base/clock.h"
#include "base/passed_fds.h"
#include "base/text.h"
#include "daemon/control/audit.h"
#include "net/listener.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATIENCE (5 * USEC_PER_SEC)
/* The delay after a failed accept(2). */
#define PAUSE (250 * USEC_PER_MSEC)
#define MODE 0660

void control_init(struct control *control, struct log *log)
{
    *control = (struct control){.log = log, .listener = -1};
    for (size_t i = 0; i < CONTROL_PEERS; i++)
        control->peers[i].fd = -1;
}

/* ---- the socket ---- */

static bool is_directory(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static char *own_path(void)
{
    const char *directory = getenv("RUNTIME_DIRECTORY");
    char *path;

    if (!directory || directory[0] == '\0' || directory[0] == ':')
        directory = RUNSTATEDIR "/echod";
    /* systemd separates directories by colons, but the name of an instance may contain one. */
    int len = (int)(is_directory(directory) ? strlen(directory) : strcspn(directory, ":"));
    return asprintf(&path, "%.*s/control", len, directory) < 0 ? NULL : path;
}

static int listen_at(struct log *log, const char *path)
{
    char reason[NET_REASON_MAX] = "the path is too long", *copy = text_copy(path);
    struct address address;

    *strrchr(copy, '/') = '\0';
    int missing = access(copy, F_OK);
    free(copy);
    if (missing) {
        log_text(log, getenv("RUNTIME_DIRECTORY") ? LOG_WARNING : LOG_DEBUG,
                 "no control socket, so echoctl cannot be used: the directory of %s does not exist",
                 path);
        return -1;
    }
    int fd =
        address_unix(&address, path) == 0 ? listener_open(&address, SOCK_STREAM, MODE, reason) : -1;
    if (fd < 0)
        log_warning(log, "no control socket, so echoctl cannot be used: %s", reason);
    return fd;
}

static struct address address_of(const struct control *control)
{
    struct address address = {0};

    address_unix(&address, control->path);
    return address;
}

void control_open(struct control *control, int fd)
{
    control->path = own_path();
    if (!control->path)
        return;
    struct address address = address_of(control);
    if (!socket_file_stands(&control->file, &address))
        passed_fds_close(&fd);
    if (fd < 0) {
        fd = listen_at(control->log, control->path);
        control->file = socket_file_at(&address);
    }
    passed_fds_refuse(fd);
    control->listener = fd;
}

static void close_peer(struct control_peer *peer)
{
    passed_fds_close(&peer->fd);
    free(peer->answer);
    *peer = (struct control_peer){.fd = -1};
}

void control_close_peers(struct control *control)
{
    for (size_t i = 0; i < CONTROL_PEERS; i++)
        if (control->peers[i].fd >= 0)
            close_peer(&control->peers[i]);
}

void control_close(struct control *control)
{
    control_close_peers(control);
    if (control->listener >= 0 && control->path) { /* not taken over from another program */
        struct address address = address_of(control);
        socket_file_remove(&control->file, &address);
    }
    passed_fds_close(&control->listener);
    free(control->path);
    control->path = NULL;
}

/* ---- peers ---- */

static bool in_group(int fd, gid_t group)
{
    gid_t groups[256];
    socklen_t len = sizeof(groups);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) < 0)
        return false;
    for (size_t i = 0; i < len / sizeof(gid_t); i++)
        if (groups[i] == group)
            return true;
    return false;
}

/* Checked in addition to the file mode, which is easily changed. */
static bool may_control(int fd, const struct ucred *peer)
{
    return peer->uid == 0 || peer->uid == geteuid() || peer->gid == getegid() ||
           in_group(fd, getegid());
}

/* Whether the user UID, if not root, already has as many connections as one user may have. */
static bool has_enough(const struct control *control, uid_t uid)
{
    size_t count = 0;

    for (size_t i = 0; i < CONTROL_PEERS; i++)
        count += control->peers[i].fd >= 0 && control->peers[i].user.uid == uid;
    return uid != 0 && count >= PEERS_OF_ONE;
}

/* Returns why the peer of FD is refused, or NULL. */
static const char *find_objection(const struct control *control, int fd, struct ucred *peer)
{
    socklen_t len = sizeof(*peer);
    char by[AUDIT_TEXT_MAX];

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, peer, &len) < 0 || !may_control(fd, peer)) {
        log_warning(
            control->log,
            "refused the use of the control socket to %s, which is neither root nor in the group "
            "of echod",
            audit_who(peer, by));
        return "error the control socket is for root and the group of echod\n";
    }
    return has_enough(control, peer->uid) ? "error too many requests from this user at once\n"
                                          : NULL;
}

static struct control_peer *free_place(const struct control *control)
{
    for (size_t i = 0; i < CONTROL_PEERS; i++)
        if (control->peers[i].fd < 0)
            return (struct control_peer *)&control->peers[i];
    return NULL;
}

void control_accept(struct control *control)
{
    struct control_peer *peer = free_place(control);
    int fd = peer ? accept4(control->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK) : -1;

    if (fd < 0) {
        if (errno != EAGAIN) /* perhaps out of descriptors; the loop must not spin */
            control->accept_at = clock_now() + PAUSE;
        return;
    }
    struct ucred user = {.uid = (uid_t)-1, .gid = (gid_t)-1};
    const char *objection = find_objection(control, fd, &user);
    if (!objection) {
        *peer = (struct control_peer){.fd = fd, .user = user, .deadline = clock_now() + PATIENCE};
        return;
    }
    if (send(fd, objection, strlen(objection), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        log_debug(control->log, "and it did not wait for the error message");
    passed_fds_close(&fd);
}

/* ---- requests and replies ---- */

static void send_answer(struct control_peer *peer)
{
    ssize_t n = send(peer->fd, peer->answer + peer->sent, peer->size - peer->sent,
                     MSG_DONTWAIT | MSG_NOSIGNAL);

    if (n > 0)
        peer->sent += (size_t)n;
    if (peer->sent == peer->size || (n < 0 && errno != EAGAIN && errno != EINTR))
        close_peer(peer);
}

/* Receives a part of the request, without waiting. Returns the request once it is complete, else
 * NULL. */
static const char *receive_request(struct control_peer *peer)
{
    ssize_t n = passed_fds_receive(peer->fd, peer->request + peer->received,
                                   sizeof(peer->request) - 1 - peer->received);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return NULL;
    if (n > 0)
        peer->received += (size_t)n;
    peer->request[peer->received] = '\0';
    char *end = strchr(peer->request, '\n');
    if (end) {
        *end = '\0';
        return peer->request;
    }
    if (n <= 0 || peer->received + 1 == sizeof(peer->request))
        close_peer(peer);
    return NULL;
}

const char *control_ready(struct control *control, size_t index)
{
    struct control_peer *peer = &control->peers[index];

    if (peer->fd < 0)
        return NULL;
    if (!peer->answer)
        return receive_request(peer);
    send_answer(peer);
    return NULL;
}

const struct ucred *control_user(const struct control *control, size_t index)
{
    return &control->peers[index].user;
}

void control_answer(struct control *control, size_t index, char *text, size_t size)
{
    struct control_peer *peer = &control->peers[index];

    peer->answer = text;
    peer->size = size;
    if (text)
        send_answer(peer); /* at once, before a reload closes the connection */
    else
        close_peer(peer);
}

int control_release(struct control *control, size_t index)
{
    int fd = control->peers[index].fd;

    control->peers[index].fd = -1;
    close_peer(&control->peers[index]);
    return fd;
}

/* ---- for the loop ---- */

void control_poll(const struct control *control, struct poll_set *set, uint64_t now,
                  unsigned socket_tag, unsigned peer_tag)
{
    if (now >= control->accept_at && free_place(control)) /* others wait in the backlog */
        poll_set_add(set, control->listener, POLLIN, socket_tag, 0);
    for (size_t i = 0; i < CONTROL_PEERS; i++)
        poll_set_add(set, control->peers[i].fd, control->peers[i].answer ? POLLOUT : POLLIN,
                     peer_tag, i);
}

void control_run(struct control *control, uint64_t now)
{
    for (size_t i = 0; i < CONTROL_PEERS; i++)
        if (control->peers[i].fd >= 0 && now >= control->peers[i].deadline)
            close_peer(&control->peers[i]);
}

uint64_t control_next(const struct control *control)
{
    uint64_t next = control->accept_at > clock_now() ? control->accept_at : UINT64_MAX;

    for (size_t i = 0; i < CONTROL_PEERS; i++)
        if (control->peers[i].fd >= 0 && control->peers[i].deadline < next)
            next = control->peers[i].deadline;
    return next;
}

/* ---- the handover ---- */

void control_save(const struct control *control, struct handover *handover)
{
    fprintf(handover->to, "control %d %llu %llu\n", control->listener,
            (unsigned long long)control->file.device, (unsigned long long)control->file.inode);
    handover_add(handover, control->listener);
}

int control_restore(struct control *control, const char *line)
{
    unsigned long long device = 0, inode = 0;

    if (sscanf(line, "control %d %llu %llu", &control->listener, &device, &inode) < 1)
        return -EPROTO;
    handover_take(control->listener);
    control->file = (struct socket_file){.device = (dev_t)device, .inode = (ino_t)inode};
    return 0;
}
