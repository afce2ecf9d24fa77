#include "ipc/job.h"

#include "base/fd.h"
#include "base/passed_fds.h"
#include "ipc/channel.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The longest job that is accepted: enough for about 100,000 networks. */
#define FILE_MAX (4 * 1024 * 1024)

struct head {
    uint32_t version;
    uint32_t kind;  /* enum request_kind */
    uint32_t store; /* whether these descriptors are passed with it */
    uint32_t slots;
    uint64_t file; /* the length of the job if it is passed in a memfd, else 0 */
};

struct setup_request {
    struct head head;
    struct setup setup;
};

/* A job is serialised as the struct, followed by the parts that it points to, in the order of
 * parts_of(). */
struct part {
    void **data;
    size_t *count;
    size_t size; /* of an element */
    bool text;   /* NUL-terminated */
};

#define PARTS 7

static void parts_of(struct job *job, struct part *part)
{
    const struct part all[PARTS] = {
        {(void **)&job->options.greeting.data, &job->options.greeting.len, 1, true},
        {(void **)&job->options.reply.data, &job->options.reply.len, 1, true},
        {(void **)&job->title.data, &job->title.len, 1, true},
        {(void **)&job->refusal.data, &job->refusal.len, 1, true},
        {(void **)&job->datagrams.allow.item, &job->datagrams.allow.count, sizeof(struct cidr),
         false},
        {(void **)&job->datagrams.deny.item, &job->datagrams.deny.count, sizeof(struct cidr),
         false},
        {(void **)&job->datagrams.own_ports.item, &job->datagrams.own_ports.count, sizeof(uint16_t),
         false},
    };

    memcpy(part, all, sizeof(all));
}

/* Aligns each part for any type. */
static size_t padded(size_t size)
{
    return (size + 15) / 16 * 16;
}

static size_t part_size(const struct part *part)
{
    return padded(*part->count * part->size + part->text);
}

/* ---- sending ---- */

static size_t job_size(struct job *job)
{
    struct part part[PARTS];
    size_t size = padded(sizeof(*job));

    parts_of(job, part);
    for (size_t i = 0; i < PARTS; i++)
        size += part_size(&part[i]);
    return size;
}

/* The index consists of pointers, so the receiver builds its own. */
static void forget_index(struct cidrs *list)
{
    list->index = NULL;
    list->index_count = 0;
}

/* Writes JOB to BUF, which has job_size() zeroed bytes. The pointers in the copy are invalid. */
static void job_write(struct job *job, char *buf)
{
    struct part part[PARTS];
    struct job flat = *job;

    parts_of(job, part);
    char *to = buf + padded(sizeof(flat));
    for (size_t i = 0; i < PARTS; i++) {
        if (*part[i].count > 0)
            memcpy(to, *part[i].data, *part[i].count * part[i].size);
        to += part_size(&part[i]);
    }
    parts_of(&flat, part);
    for (size_t i = 0; i < PARTS; i++)
        *part[i].data = NULL;
    forget_index(&flat.datagrams.allow);
    forget_index(&flat.datagrams.deny);
    memcpy(buf, &flat, sizeof(flat));
}

/* Creates a memfd with the SIZE bytes at DATA. Returns a descriptor or -errno. */
static int file_of(const char *data, size_t size)
{
    int fd = memfd_create("echod-job", MFD_CLOEXEC);
    int r = fd < 0 ? -errno : fd_write_all(fd, data, size);

    if (r < 0)
        fd_close(&fd);
    return r < 0 ? r : fd;
}

static int send_as_file(int channel, struct head *head, const char *data, size_t size, int *fds,
                        size_t count)
{
    int file = file_of(data, size);

    if (file < 0)
        return file;
    head->file = size;
    fds[count++] = file;
    int r = channel_send(channel, head, sizeof(*head), fds, count);
    fd_close(&file);
    return r;
}

int job_send(int channel, const struct job *job)
{
    struct job copy = *job;
    struct head head = {.version = JOB_VERSION,
                        .kind = REQUEST_JOB,
                        .store = job->store >= 0,
                        .slots = job->slots >= 0};
    int fds[CHANNEL_FDS] = {job->socket};
    size_t count = 1, size = job_size(&copy), start = padded(sizeof(head));
    char stack[4096] __attribute__((aligned(16))) = "";

    if (size > FILE_MAX)
        return -EMSGSIZE;
    char *buf = start + size <= sizeof(stack) ? stack : calloc(1, start + size);
    int r;
    if (!buf)
        return -ENOMEM;
    if (job->store >= 0)
        fds[count++] = job->store;
    if (job->slots >= 0)
        fds[count++] = job->slots;
    job_write(&copy, buf + start);
    if (start + size > REQUEST_MAX) {
        r = send_as_file(channel, &head, buf + start, size, fds, count);
    } else {
        memcpy(buf, &head, sizeof(head));
        r = channel_send(channel, buf, start + size, fds, count);
    }
    if (buf != stack)
        free(buf);
    return r;
}

int setup_send(int channel, const struct setup *setup)
{
    const struct setup_request request = {.head = {.version = JOB_VERSION, .kind = REQUEST_SETUP},
                                          .setup = *setup};
    const int fds[] = {setup->slots, setup->doorbell};

    return channel_send(channel, &request, sizeof(request), fds, ARRAY_SIZE(fds));
}

int request_send(int channel, enum request_kind kind)
{
    const struct head head = {.version = JOB_VERSION, .kind = kind};

    return channel_send(channel, &head, sizeof(head), NULL, 0);
}

/* ---- receiving ---- */

static bool is_sound(const struct job *job)
{
    return (job->kind == JOB_CLIENT || job->kind == JOB_DATAGRAMS) &&
           memchr(job->options.listener, '\0', LISTENER_NAME_SIZE) &&
           job->options.service <= SERVICE_WHOAMI &&
           job->options.protocol <= PROTOCOL_UNIX_SEQPACKET && job->options.proxy <= PROXY_ANY &&
           job->peer.len <= sizeof(job->peer.storage);
}

/* Reads JOB from the SIZE bytes at BUF. JOB then has pointers into BUF. */
static int job_read(struct job *job, char *buf, size_t size)
{
    struct part part[PARTS];
    size_t at = padded(sizeof(*job));

    if (size < at)
        return -EPROTO;
    memcpy(job, buf, sizeof(*job));
    forget_index(&job->datagrams.allow);
    forget_index(&job->datagrams.deny);
    parts_of(job, part);
    for (size_t i = 0; i < PARTS; i++) {
        if (*part[i].count > size || part_size(&part[i]) > size - at)
            return -EPROTO;
        *part[i].data = buf + at;
        at += part_size(&part[i]);
        if (part[i].text && buf[at - part_size(&part[i]) + *part[i].count] != '\0')
            return -EPROTO;
    }
    return at == size && is_sound(job) ? 0 : -EPROTO;
}

/* Reads the SIZE bytes of FILE into *DATA, which the caller frees. Returns 0 or -errno. */
static int read_file(int file, uint64_t size, void **data)
{
    *data = size > FILE_MAX ? NULL : malloc(size);
    if (!*data)
        return size > FILE_MAX ? -EPROTO : -ENOMEM;
    return pread(file, *data, size, 0) == (ssize_t)size ? 0 : -EPROTO;
}

static void close_all(int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        passed_fds_close(&fds[i]);
}

static int take_setup(struct request *request, size_t len, const int *fds, size_t count)
{
    if (len != sizeof(struct setup_request) || count != 2)
        return -EPROTO;
    memcpy(&request->setup, request->buf + offsetof(struct setup_request, setup),
           sizeof(request->setup));
    request->setup.slots = fds[0];
    request->setup.doorbell = fds[1];
    return 1;
}

static int take_job(struct request *request, const struct head *head, size_t len, int *fds,
                    size_t count)
{
    size_t start = padded(sizeof(*head)), wanted = 1u + (head->store != 0) + (head->slots != 0);
    char *data = request->buf + start;
    int r = 0;

    if (count != wanted + (head->file > 0) || (head->file == 0 && len < start))
        return -EPROTO;
    if (head->file > 0) {
        r = read_file(fds[count - 1], head->file, &request->file);
        request->size = (size_t)head->file;
        data = request->file;
    }
    if (r == 0)
        r = job_read(&request->job, data, head->file ? (size_t)head->file : len - start);
    if (r < 0)
        return r;
    if (head->file > 0)
        fd_close(&fds[count - 1]);
    request->job.socket = fds[0];
    request->job.store = head->store ? fds[1] : -1;
    request->job.slots = head->slots ? fds[wanted - 1] : -1;
    return 1;
}

static int take(struct request *request, size_t len, int *fds, size_t count)
{
    struct head head;

    if (len < sizeof(head))
        return -EPROTO;
    memcpy(&head, request->buf, sizeof(head));
    request->kind = (enum request_kind)head.kind;
    /* Holds and releases have no version, because a fork server that was started before an upgrade
     * must understand them. */
    bool of_version = request->kind == REQUEST_SETUP || request->kind == REQUEST_JOB;
    if (of_version && head.version != JOB_VERSION)
        return -EPROTO;
    switch (request->kind) {
    case REQUEST_SETUP:
        return take_setup(request, len, fds, count);
    case REQUEST_JOB:
        return take_job(request, &head, len, fds, count);
    case REQUEST_HOLD:
    case REQUEST_RELEASE:
        return count == 0 ? 1 : -EPROTO;
    }
    return -EPROTO;
}

int request_receive(int channel, struct request *request)
{
    int fds[CHANNEL_FDS];
    size_t count;
    ssize_t n = channel_receive(channel, request->buf, sizeof(request->buf), fds, &count);

    request->file = NULL;
    request->size = n > 0 ? (size_t)n : 0;
    if (n <= 0)
        return (int)n;
    int r = take(request, (size_t)n, fds, count);
    if (r > 0)
        return r;
    close_all(fds, count);
    free(request->file);
    request->file = NULL;
    return r;
}

void request_forget(struct request *request)
{
    if (request->file)
        explicit_bzero(request->file, request->size);
    else
        explicit_bzero(request->buf, request->size);
    free(request->file);
    request->file = NULL;
    request->size = 0;
}

void job_close(struct job *job)
{
    if (address_is_ip(&job->peer))
        fd_close(&job->socket);
    else
        passed_fds_close(&job->socket); /* its peer may have passed descriptors */
    fd_close(&job->store);
    fd_close(&job->slots);
}

const char *job_title(int fd, const struct service_options *options, const struct address *peer,
                      char *buf)
{
    char text[ADDRESS_TEXT_MAX];

    snprintf(buf, JOB_TITLE_MAX, "echod: %s %s %s", address_format_by(fd, peer, text, sizeof(text)),
             options->listener, service_name((enum service)options->service));
    return buf;
}
