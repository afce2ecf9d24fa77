#include "daemon/process/fd_store.h"

#include "base/fd.h"
#include "daemon/process/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PREFIX "echod-listen-"
#define TEXT_MAX 128
/* How long to wait for the service manager to close a socket, before it can be opened again. */
#define WAIT_MSEC 1000

bool fd_store_keep(const char *name, int fd)
{
    char text[TEXT_MAX];

    snprintf(text, sizeof(text), "FDSTORE=1\nFDNAME=" PREFIX "%s", name);
    return notify_send(text, fd) != -EAGAIN;
}

void fd_store_forget(const char *name)
{
    char text[TEXT_MAX];

    snprintf(text, sizeof(text), "FDSTOREREMOVE=1\nFDNAME=" PREFIX "%s", name);
    notify_send(text, -1);
}

void fd_store_wait(void)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return;
    struct pollfd closed = {.fd = ends[0], .events = POLLIN};
    int r = notify_send("BARRIER=1", ends[1]);
    fd_close(&ends[1]);
    if (r == 0)
        poll(&closed, 1, WAIT_MSEC);
    fd_close(&ends[0]);
}

const char *fd_store_name(const char *fd_name)
{
    size_t len = strlen(PREFIX);

    return strncmp(fd_name, PREFIX, len) == 0 ? fd_name + len : NULL;
}
