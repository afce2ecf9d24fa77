/*
 * Messages to a fork server over its channel. Whatever they contain: a job that it accepts lies
 * within the message, can be forwarded, and arrives unchanged; and no descriptor stays open.
 *
 * The first byte chooses what the rest is: the message itself, or changes to the message of a job
 * that has every kind of field, three bytes each (an offset and a value); whether the job is in a
 * message or in a file; and the number of descriptors passed with it.
 */
#include "base/fd.h"
#include "ipc/channel.h"
#include "ipc/job.h"

#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define COUNT 7     /* the number of descriptors */
#define AS_FILE 8   /* the job is in a file, the last descriptor */
#define CHANGES 128 /* the rest is changes */

/* The size of a message's header, which ends with the length of the file. The job follows at an
 * offset that is aligned for any type. */
#define HEAD 24
#define FILE_AT 16
#define JOB_AT 32

struct message {
    uint8_t *data; /* the owner frees it */
    size_t len;
};

static int channel[2];
static int null;

static void open_once(void)
{
    if (channel[1] != 0)
        return;
    fuzz_check(channel_open(channel) == 0);
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    fuzz_check(null >= 0);
}

/* Receives the raw message from the channel, without its descriptors. */
static struct message catch_message(void)
{
    static char buf[REQUEST_MAX];
    int fds[CHANNEL_FDS];
    size_t count;
    ssize_t n = channel_receive(channel[1], buf, sizeof(buf), fds, &count);

    fuzz_check(n > 0);
    for (size_t i = 0; i < count; i++)
        close(fds[i]);
    return (struct message){.data = fuzz_copy(buf, (size_t)n), .len = (size_t)n};
}

/* The message of a job that has every kind of field. */
static struct message sample(void)
{
    static char greeting[] = "hi\0there", reply[] = "OK", refusal[] = "go away\n";
    static struct cidr allow[3], deny[2];
    static uint16_t ports[] = {7, 7777};
    struct job job = {.id = 1,
                      .kind = JOB_DATAGRAMS,
                      .options = {.listener = "a",
                                  .max_message = 100,
                                  .greeting = {greeting, sizeof(greeting) - 1},
                                  .reply = {reply, sizeof(reply) - 1}},
                      .datagrams = {.allow = {.item = allow, .count = 3},
                                    .deny = {.item = deny, .count = 2},
                                    .own_ports = {ports, 2}},
                      .refusal = {refusal, sizeof(refusal) - 1},
                      .socket = null,
                      .store = null,
                      .slots = null};

    fuzz_check(address_numeric(&job.peer, "192.0.2.1", 7) == 0);
    fuzz_check(job_send(channel[0], &job) == 0);
    return catch_message();
}

static struct message changed(const uint8_t *data, size_t size, bool as_file)
{
    struct message message = sample();
    const uint64_t length = as_file ? message.len - JOB_AT : 0;

    memcpy(message.data + FILE_AT, &length, sizeof(length));
    for (size_t at = 0; at + 3 <= size; at += 3)
        message.data[((size_t)data[at + 1] << 8 | data[at]) % message.len] = data[at + 2];
    return message;
}

/* Sends MESSAGE, in a file if CHOICE says so. */
static void send_message(const struct message *message, uint8_t choice)
{
    int fds[CHANNEL_FDS] = {null, null, null, null};
    size_t count = (size_t)(choice & COUNT) % (CHANNEL_FDS + 1), len = message->len;

    if (choice & AS_FILE && len > JOB_AT) {
        count = count > 0 ? count : 1;
        fds[count - 1] = memfd_create("fuzz", MFD_CLOEXEC);
        fuzz_check(fds[count - 1] >= 0);
        fuzz_check(fd_write_all(fds[count - 1], message->data + JOB_AT, len - JOB_AT) == 0);
        len = HEAD;
    }
    int r = channel_send(channel[0], message->data, len, fds, count);
    fuzz_check(r == 0 || r == -EMSGSIZE);
    for (size_t i = 0; i < CHANNEL_FDS; i++)
        if (fds[i] != null)
            close(fds[i]);
}

static bool same_bytes(const void *a, const void *b, size_t size)
{
    return size == 0 || memcmp(a, b, size) == 0;
}

/* Reads every byte, so that a sanitizer detects one out of bounds. */
static void check_text(const struct text *text)
{
    char *copy = (char *)fuzz_copy(text->data, text->len + 1);

    fuzz_check(copy[text->len] == '\0');
    free(copy);
}

static void check_job(const struct job *job)
{
    check_text(&job->options.greeting);
    check_text(&job->options.reply);
    check_text(&job->refusal);
    fuzz_check(strlen(job->options.listener) < LISTENER_NAME_SIZE);
    fuzz_check(job->peer.len <= sizeof(job->peer.storage));
    fuzz_check(job->socket >= 0);
}

static void check_same(const struct job *a, const struct job *b)
{
    fuzz_check(a->id == b->id && a->kind == b->kind && a->slot == b->slot);
    fuzz_check(same_bytes(&a->peer, &b->peer, sizeof(a->peer)));
    fuzz_check(a->options.greeting.len == b->options.greeting.len);
    fuzz_check(
        same_bytes(a->options.greeting.data, b->options.greeting.data, a->options.greeting.len));
    fuzz_check(a->datagrams.allow.count == b->datagrams.allow.count);
    fuzz_check(same_bytes(a->datagrams.allow.item, b->datagrams.allow.item,
                          a->datagrams.allow.count * sizeof(struct cidr)));
    fuzz_check(a->datagrams.own_ports.count == b->datagrams.own_ports.count);
    fuzz_check(same_bytes(a->datagrams.own_ports.item, b->datagrams.own_ports.item,
                          a->datagrams.own_ports.count * sizeof(uint16_t)));
    fuzz_check((a->store >= 0) == (b->store >= 0) && (a->slots >= 0) == (b->slots >= 0));
}

static void drop(struct request *request)
{
    job_close(&request->job);
    free(request->file);
    request->file = NULL;
}

/* Sends the job as a daemon does that moves it to the next fork server. */
static void send_on(const struct request *from)
{
    static struct request to;

    int r = job_send(channel[0], &from->job);
    if (r == -EMSGSIZE) /* padding may make it too long */
        return;
    fuzz_check(r == 0);
    fuzz_check(request_receive(channel[1], &to) == 1 && to.kind == REQUEST_JOB);
    check_same(&from->job, &to.job);
    drop(&to);
}

static void check_request(struct request *request)
{
    if (request->kind == REQUEST_SETUP) {
        fuzz_check(close(request->setup.slots) == 0 && close(request->setup.doorbell) == 0);
        return;
    }
    if (request->kind != REQUEST_JOB)
        return;
    check_job(&request->job);
    send_on(request);
    drop(request);
}

static int lowest_free(void)
{
    int fd = dup(null);

    close(fd);
    return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct request request;

    open_once();
    int free_fd = lowest_free();
    uint8_t choice = fuzz_choice(&data, &size);
    struct message message = choice & CHANGES
                                 ? changed(data, size, choice & AS_FILE)
                                 : (struct message){.data = fuzz_copy(data, size), .len = size};
    if (message.len > 0) {
        send_message(&message, choice);
        int r = request_receive(channel[1], &request);
        fuzz_check(r == 1 || r == -EPROTO || r == -EAGAIN);
        if (r == 1)
            check_request(&request);
        fuzz_check(!request.file);
    }
    free(message.data);
    fuzz_check(lowest_free() == free_fd);
    return 0;
}
