#include "net/socketfile.h"

#include <unistd.h>

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

void socket_file_remove(const struct socket_file *file, const struct address *address)
{
    if (file->inode != 0 && path_of(address) && socket_file_stands(file, address))
        unlink(path_of(address));
}
