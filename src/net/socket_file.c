#include "net/socket_file.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

/* How often to retry if the lock file was removed while it was being locked. */
#define LOCK_TRIES 100

static const char *path_of(const struct address *a)
{
    bool named = a->sa.sa_family == AF_UNIX && a->len > offsetof(struct sockaddr_un, sun_path);

    return named && a->un.sun_path[0] ? a->un.sun_path : NULL;
}

struct socket_file socket_file_at(const struct address *address)
{
    const char *path = path_of(address);
    struct stat st;

    if (!path || lstat(path, &st) < 0 || !S_ISSOCK(st.st_mode))
        return (struct socket_file){0};
    return (struct socket_file){.device = st.st_dev, .inode = st.st_ino};
}

bool socket_file_stands(const struct socket_file *file, const struct address *address)
{
    struct socket_file there = socket_file_at(address);

    if (!path_of(address))
        return true;
    return there.inode != 0 &&
           (file->inode == 0 || (file->inode == there.inode && file->device == there.device));
}

/* ---- binding ---- */

/*
 * If two servers start at once and find the file of a dead server, both must not replace it: the
 * second one would remove the socket that the first has just created. The lock is held until
 * listen(2), because before that, a live socket looks like a dead one. No system call replaces a
 * file only if nobody listens on it (rename(2) replaces whatever is there, and getsockname(2) would
 * return the temporary name).
 *
 * The lock is a separate file next to the socket. The directory would not do, because anybody who
 * can read it could lock it; creating the file requires write permission, which also suffices to
 * remove the socket. The kernel releases the lock when its process ends. A server that does not get
 * the lock gives up, since the other one is about to use the address.
 */

static void lock_name(const struct address *address, char *name, size_t size)
{
    snprintf(name, size, "%s.lock", path_of(address));
}

/* Whether NAME still refers to the file FD. */
static bool is_there(const char *name, int fd)
{
    struct stat there, ours;

    return lstat(name, &there) == 0 && fstat(fd, &ours) == 0 && there.st_dev == ours.st_dev &&
           there.st_ino == ours.st_ino;
}

/* Returns the error for a failed open(2) of NAME. A file that exists but cannot be opened belongs
 * to another user. */
static int obstacle(const char *name, int error)
{
    bool ours_or_none = error != EACCES && error != ELOOP && error != EISDIR && error != ENXIO;
    struct stat there;

    return ours_or_none || lstat(name, &there) < 0 ? -error : -EEXIST;
}

/* A lock file is empty. Any other file of that name must not be removed. */
static int check_is_lock(int fd)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
    return S_ISREG(st.st_mode) && st.st_size == 0 ? 0 : -EEXIST;
}

/* Returns 0, -EADDRINUSE, -EAGAIN if the previous owner has removed the file, or -errno. */
static int take_lock(const char *name, int fd)
{
    int r = check_is_lock(fd);

    if (r < 0)
        return r;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? -EADDRINUSE : -errno;
    return is_there(name, fd) ? 0 : -EAGAIN;
}

/* Returns a descriptor, or an error of take_lock(). */
static int try_lock(const char *name)
{
    mode_t saved = umask(0177); /* the next process of this user must be able to open it */
    int fd = open(name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);
    int r = fd < 0 ? obstacle(name, errno) : take_lock(name, fd);

    umask(saved);
    if (r < 0)
        fd_close(&fd);
    return r < 0 ? r : fd;
}

int socket_file_lock(const struct address *address)
{
    char name[sizeof(address->un.sun_path) + sizeof(".lock")];
    int r = -EAGAIN;

    lock_name(address, name, sizeof(name));
    for (int i = 0; i < LOCK_TRIES && r == -EAGAIN; i++)
        r = try_lock(name);
    return r == -EAGAIN ? -EADDRINUSE : r;
}

void socket_file_unlock(const struct address *address, int *lock)
{
    char name[sizeof(address->un.sun_path) + sizeof(".lock")];

    lock_name(address, name, sizeof(name));
    if (is_there(name, *lock)) /* not replaced by that of another server */
        unlink(name);          /* before releasing it: from now on, open(2) creates another file */
    fd_close(lock);
}

/* Whether a server listens on the socket file ADDRESS, even if its backlog is full. */
static bool is_alive(const struct address *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool alive = fd < 0 || connect(fd, &address->sa, address->len) == 0 || errno != ECONNREFUSED;

    fd_close(&fd);
    return alive;
}

bool socket_file_remove_stale(const struct address *address)
{
    const char *path = path_of(address);

    return path && socket_file_at(address).inode != 0 && !is_alive(address) && unlink(path) == 0;
}

bool socket_file_is_obstructed(const struct address *address)
{
    const char *path = path_of(address);
    struct stat st;

    return path && lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode);
}

/* ---- removing ---- */

void socket_file_remove(const struct socket_file *file, const struct address *address)
{
    const char *path = path_of(address);

    if (file->inode != 0 && path && socket_file_stands(file, address))
        unlink(path);
}
