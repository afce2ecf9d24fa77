#include "client/io/output_file.h"

#include "base/fd.h"
#include "client/io/diag.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int complain(const struct output_file *file, int error)
{
    diag_say("cannot write %s: %s", file->path, strerror(-error));
    return error;
}

int output_file_open(struct output_file *file, const char *path)
{
    *file = (struct output_file){
        .fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666),
        .path = path,
    };
    return file->fd < 0 ? complain(file, -errno) : 0;
}

static bool is_regular(int fd, off_t *size)
{
    struct stat st;

    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return false;
    *size = st.st_size;
    return true;
}

/* Reserves disk space for LEN bytes without changing the file. Returns 0 or -errno. */
static int reserve(int fd, size_t len)
{
    if (len == 0 || fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)len) == 0)
        return 0;
    return errno == EOPNOTSUPP || errno == ENOSYS ? 0 : -errno;
}

static int replace(int fd, const void *data, size_t len)
{
    off_t size;

    if (!is_regular(fd, &size))
        return fd_write_all(fd, data, len);
    int r = reserve(fd, len);
    if (r == 0)
        r = fd_write_all(fd, data, len);
    if (r == 0 && ftruncate(fd, (off_t)len) < 0)
        r = -errno;
    return r;
}

int output_file_replace(const struct output_file *file, const void *data, size_t len)
{
    int r = replace(file->fd, data, len);

    return r < 0 ? complain(file, r) : 0;
}

int output_file_close(struct output_file *file)
{
    off_t size = 1;
    int r = 0;

    if (file->fd < 0)
        return 0;
    if (is_regular(file->fd, &size) && size == 0)
        unlink(file->path);
    if (close(file->fd) < 0 && errno != EINTR)
        r = complain(file, -errno);
    file->fd = -1;
    return r;
}
