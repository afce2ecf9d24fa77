#include "scribe/store_requests.h"

#include "base/passed_fds.h"
#include "ipc/channel.h"
#include "ipc/store.h"
#include "scribe/vet.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

/* EPOLLONESHOT, because a client that is already queued need not be reported again. Returns 0 or
 * -errno. */
static int watch(struct store_client *client, int epoll, int operation)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.ptr = client};

    return epoll_ctl(epoll, operation, client->fd, &event) < 0 ? -errno : 0;
}

static void link_client(struct store_requests *requests, struct store_client *client)
{
    client->older = requests->newest;
    client->from = &requests->newest;
    if (client->older)
        client->older->from = &client->older;
    requests->newest = client;
}

static void remove_client(struct store_client *client)
{
    *client->from = client->older;
    if (client->older)
        client->older->from = client->from;
    passed_fds_close(&client->fd);
    free(client);
}

/* Returns 0, or -errno with FD closed. The daemon has a copy and passes it to the next scribe. */
static int add_client(struct store_requests *requests, int fd, uint64_t source)
{
    struct store_client *client = malloc(sizeof(*client));

    if (!client) {
        passed_fds_close(&fd);
        return -ENOMEM;
    }
    *client = (struct store_client){.fd = fd, .source = source};
    link_client(requests, client);
    int r = watch(client, requests->epoll, EPOLL_CTL_ADD);
    if (r < 0)
        remove_client(client);
    return r;
}

int store_requests_accept(struct store_requests *requests, int channel)
{
    int fds[CHANNEL_FDS];
    size_t count;
    uint64_t source = 0;
    ssize_t n = channel_receive(channel, &source, sizeof(source), fds, &count);

    if (n <= 0)
        return (int)n;
    int r = 1;
    for (size_t i = 0; i < count; i++) {
        int added = add_client(requests, fds[i], source);
        r = added < 0 ? added : r;
    }
    return r;
}

int store_requests_serve(struct store_requests *requests, struct store_client *client,
                         enum sink sink)
{
    static char buf[STORE_RECORD_MAX];
    struct store_head head;
    pid_t sender;
    size_t size;
    ssize_t n = store_peek(client->fd, &head, buf, &sender);

    if (n > 0) {
        const char *record = vet_record(buf, (size_t)n, sender, &size);
        head.error = -sink_write(sink, record, size);
        n = store_answer(client->fd, &head);
    } else if (n == 0) {
        remove_client(client);
        return 0;
    }
    return n < 0 && n != -EAGAIN && n != -EPROTO ? (int)n
                                                 : watch(client, requests->epoll, EPOLL_CTL_MOD);
}
