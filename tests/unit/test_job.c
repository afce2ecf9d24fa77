/*
 * What the daemon sends to a fork server, sent and received: each field of a job, and what is cut,
 * changed or of another version.
 */
#include "base/memory.h"
#include "ipc/job.h"

#include "ipc/channel.h"

#include "unit.h"

#include <fcntl.h>
#include <sys/mman.h>

/* More than fits into one message, and more than is permitted. */
#define MANY 5000
#define TOO_MANY 250000

static int ends[2], other[2]; /* OTHER is for modified messages */
static struct request request;

static int setup(void **state)
{
    (void)state;
    return channel_open(ends) < 0 || channel_open(other) < 0 ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        fd_close(&ends[i]);
        fd_close(&other[i]);
    }
    return 0;
}

static int file(void)
{
    int fd = memfd_create("test", MFD_CLOEXEC);

    assert_true(fd >= 0);
    return fd;
}

static int lowest_free(void)
{
    int fd = dup(0);

    close(fd);
    return fd;
}

/* ---- jobs ---- */

static char greeting[] = "hi\0there\n", reply[] = "OK", refusal[] = "echod: go away\n";
static struct cidr allowed[MANY], denied[2];
static const struct cidr *no_index[2]; /* pointers of another process are invalid */
static uint16_t ports[] = {7, 7777, 65535};

/* A job in which each field has a different value. */
static struct job full_job(void)
{
    struct job job = {
        .id = UINT64_C(0x0102030405060708),
        .kind = JOB_DATAGRAMS,
        .slot = 4711,
        .options = {.listener = "a-name-of-the-32-bytes-allowed-0",
                    .service = SERVICE_WHOAMI,
                    .protocol = PROTOCOL_UNIX_SEQPACKET,
                    .proxy = PROXY_ANY,
                    .max_message = UINT64_MAX - 1,
                    .max_messages = UINT64_MAX - 2,
                    .message_pause = UINT64_MAX - 3,
                    .greeting = {greeting, sizeof(greeting) - 1},
                    .reply = {reply, sizeof(reply) - 1}},
        .idle_timeout = UINT64_MAX - 4,
        .session_timeout = UINT64_MAX - 5,
        .datagrams = {.allow = {.item = allowed, .count = 3},
                      .deny = {.item = denied, .count = 2, .index = no_index, .index_count = 2},
                      .own_ports = {ports, ARRAY_SIZE(ports)},
                      .rate = {.count = UINT64_MAX - 6, .interval = UINT64_MAX - 7},
                      .source_prefix = {.ipv4 = 31, .ipv6 = 63}},
        .refusal = {refusal, sizeof(refusal) - 1},
        .socket = file(),
        .store = file(),
        .slots = file(),
    };

    assert_int_equal(address_numeric(&job.peer, "fe80::1%lo", 65000), 0);
    for (size_t i = 0; i < MANY; i++) { /* without the padding */
        allowed[i].family = AF_INET6;
        allowed[i].prefix = (uint8_t)(i % 129);
        memcpy(allowed[i].bytes, &i, sizeof(i));
    }
    assert_int_equal(cidr_parse(&denied[0], "192.0.2.0/24"), 0);
    assert_int_equal(cidr_parse(&denied[1], "2001:db8::/32"), 0);
    return job;
}

/* A small one, and a socket only. */
static struct job small_job(void)
{
    struct job job = {.id = 7,
                      .kind = JOB_CLIENT,
                      .options = {.listener = "a"},
                      .socket = file(),
                      .store = -1,
                      .slots = -1};

    assert_int_equal(address_numeric(&job.peer, "192.0.2.1", 7), 0);
    return job;
}

static void same_text(const struct text *a, const struct text *b)
{
    assert_int_equal(a->len, b->len);
    assert_memory_equal(a->data, b->data ? b->data : "", b->len + 1); /* a NUL ends it */
}

static void same_cidrs(const struct cidrs *a, const struct cidrs *b)
{
    assert_null(a->index);
    assert_int_equal(a->index_count, 0);
    assert_int_equal(a->count, b->count);
    if (b->count > 0)
        assert_memory_equal(a->item, b->item, b->count * sizeof(*b->item));
}

static void same_options(const struct service_options *a, const struct service_options *b)
{
    assert_string_equal(a->listener, b->listener);
    assert_int_equal(a->service, b->service);
    assert_int_equal(a->protocol, b->protocol);
    assert_int_equal(a->proxy, b->proxy);
    assert_true(a->max_message == b->max_message);
    assert_true(a->max_messages == b->max_messages);
    assert_true(a->message_pause == b->message_pause);
    same_text(&a->greeting, &b->greeting);
    same_text(&a->reply, &b->reply);
}

static void same_datagrams(const struct datagram_options *a, const struct datagram_options *b)
{
    same_cidrs(&a->allow, &b->allow);
    same_cidrs(&a->deny, &b->deny);
    assert_int_equal(a->own_ports.count, b->own_ports.count);
    if (b->own_ports.count > 0)
        assert_memory_equal(a->own_ports.item, b->own_ports.item,
                            b->own_ports.count * sizeof(*b->own_ports.item));
    assert_true(a->rate.count == b->rate.count);
    assert_true(a->rate.interval == b->rate.interval);
    assert_int_equal(a->source_prefix.ipv4, b->source_prefix.ipv4);
    assert_int_equal(a->source_prefix.ipv6, b->source_prefix.ipv6);
}

/* A descriptor of its own, of the same file, or none. */
static void same_file(int a, int b)
{
    assert_int_equal(a >= 0, b >= 0);
    if (b < 0)
        return;
    assert_int_not_equal(a, b);
    assert_true(fd_same_file(a, b));
    assert_int_equal(fcntl(a, F_GETFD), FD_CLOEXEC);
}

static void same_job(const struct job *a, const struct job *b)
{
    assert_true(a->id == b->id);
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->slot, b->slot);
    assert_int_equal(a->peer.len, b->peer.len);
    assert_memory_equal(&a->peer.storage, &b->peer.storage, b->peer.len);
    same_options(&a->options, &b->options);
    assert_true(a->idle_timeout == b->idle_timeout);
    assert_true(a->session_timeout == b->session_timeout);
    same_datagrams(&a->datagrams, &b->datagrams);
    same_text(&a->refusal, &b->refusal);
    same_file(a->socket, b->socket);
    same_file(a->store, b->store);
    same_file(a->slots, b->slots);
}

static void drop(struct request *taken)
{
    job_close(&taken->job);
    free(taken->file);
    taken->file = NULL;
}

/* Checks that JOB arrives unchanged. Returns whether it was sent as a file. */
static bool passes(struct job *job)
{
    int free_fd = lowest_free();

    assert_int_equal(job_send(ends[0], job), 0);
    assert_int_equal(request_receive(ends[1], &request), 1);
    assert_int_equal(request.kind, REQUEST_JOB);
    same_job(&request.job, job);
    bool as_file = request.file != NULL;
    drop(&request);
    assert_int_equal(lowest_free(), free_fd);
    job_close(job);
    return as_file;
}

static void test_every_field(void **state)
{
    struct job job = full_job();

    (void)state;
    assert_false(passes(&job));
}

static void test_small_job(void **state)
{
    struct job job = small_job();

    (void)state;
    assert_false(passes(&job));
}

static void test_which_descriptors_come_along(void **state)
{
    (void)state;
    for (int which = 0; which < 4; which++) {
        struct job job = full_job();
        if (!(which & 1))
            fd_close(&job.store);
        if (!(which & 2))
            fd_close(&job.slots);
        assert_false(passes(&job));
    }
}

/* Of any length, including the boundary between message and file. */
static void test_long_lists(void **state)
{
    (void)state;
    for (size_t count = 0; count < 900; count = count < 600 ? count + 60 : count + 1) {
        struct job job = full_job();
        job.datagrams.allow.count = count;
        bool as_file = passes(&job);
        if (count < 600 || count * sizeof(struct cidr) > REQUEST_MAX)
            assert_int_equal(as_file, count * sizeof(struct cidr) > REQUEST_MAX);
    }
    struct job job = full_job();
    job.datagrams.allow.count = MANY;
    assert_true(passes(&job));
}

/* It is not sent, because a fork server would reject it and exit. */
static void test_longer_than_any_may_be(void **state)
{
    struct cidr *many = memory_zeroed(TOO_MANY, sizeof(*many));
    struct job job = full_job();

    (void)state;
    job.datagrams.deny = (struct cidrs){.item = many, .count = TOO_MANY};
    assert_int_equal(job_send(ends[0], &job), -EMSGSIZE);
    assert_int_equal(request_receive(ends[1], &request), -EAGAIN);
    job_close(&job);
    free(many);
}

static void test_longest_text(void **state)
{
    static char text[20000];
    struct job job = small_job();

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    job.options.greeting = (struct text){text, 4000};
    text[4000] = '\0';
    struct job same = job;
    same.socket = fcntl(job.socket, F_DUPFD_CLOEXEC, 0);
    assert_false(passes(&same));
    text[4000] = 'x';
    job.options.greeting.len = sizeof(text) - 1;
    assert_true(passes(&job));
}

static void test_many_jobs(void **state)
{
    size_t sent = 0;
    struct job job = small_job();
    int r;

    (void)state;
    while ((r = job_send(ends[0], &job)) == 0)
        job.id = ++sent;
    assert_int_equal(r, -EAGAIN);
    assert_true(sent >= 64);
    assert_int_equal(request_receive(ends[1], &request), 1);
    assert_int_equal(request.job.id, 7);
    drop(&request);
    for (size_t i = 1; i < sent; i++) {
        assert_int_equal(request_receive(ends[1], &request), 1);
        assert_int_equal(request.job.id, i);
        drop(&request);
    }
    assert_int_equal(request_receive(ends[1], &request), -EAGAIN);
    job_close(&job);
}

/* ---- other requests ---- */

static void test_setup(void **state)
{
    const struct setup sent = {
        .uid = 1000, .gid = UINT32_MAX, .core_dumps = 1, .slots = file(), .doorbell = file()};

    (void)state;
    assert_int_equal(setup_send(ends[0], &sent), 0);
    assert_int_equal(request_receive(ends[1], &request), 1);
    assert_int_equal(request.kind, REQUEST_SETUP);
    assert_int_equal(request.setup.uid, 1000);
    assert_int_equal(request.setup.gid, UINT32_MAX);
    assert_int_equal(request.setup.core_dumps, 1);
    same_file(request.setup.slots, sent.slots);
    same_file(request.setup.doorbell, sent.doorbell);
    close(request.setup.slots);
    close(request.setup.doorbell);
    close(sent.slots);
    close(sent.doorbell);
}

static void test_hold_and_release(void **state)
{
    (void)state;
    assert_int_equal(request_send(ends[0], REQUEST_HOLD), 0);
    assert_int_equal(request_send(ends[0], REQUEST_RELEASE), 0);
    assert_int_equal(request_receive(ends[1], &request), 1);
    assert_int_equal(request.kind, REQUEST_HOLD);
    assert_int_equal(request_receive(ends[1], &request), 1);
    assert_int_equal(request.kind, REQUEST_RELEASE);
    assert_int_equal(request_receive(ends[1], &request), -EAGAIN);
    fd_close(&ends[0]);
    assert_int_equal(request_receive(ends[1], &request), 0);
}

/* ---- invalid requests ---- */

/* A request on its way. */
struct passing {
    char data[REQUEST_MAX];
    size_t len, count;
    int fds[CHANNEL_FDS];
};

static void catch_it(struct passing *passing)
{
    ssize_t n = channel_receive(ends[1], passing->data, sizeof(passing->data), passing->fds,
                                &passing->count);

    assert_true(n > 0);
    passing->len = (size_t)n;
}

static struct passing catch_job(struct job job)
{
    struct passing passing;

    assert_int_equal(job_send(ends[0], &job), 0);
    job_close(&job);
    catch_it(&passing);
    return passing;
}

static void let_go(struct passing *passing)
{
    while (passing->count > 0)
        close(passing->fds[--passing->count]);
}

/* Returns the result of LEN bytes of it with COUNT descriptors, none of which is leaked. */
static int arrives(const struct passing *passing, size_t len, size_t count)
{
    int free_fd = lowest_free();

    assert_int_equal(channel_send(other[0], passing->data, len, passing->fds, count), 0);
    int r = request_receive(other[1], &request);
    if (r > 0 && request.kind == REQUEST_JOB)
        drop(&request);
    else if (r > 0 && request.kind == REQUEST_SETUP) {
        close(request.setup.slots);
        close(request.setup.doorbell);
    }
    assert_null(request.file);
    assert_int_equal(lowest_free(), free_fd);
    return r;
}

static void test_cut(void **state)
{
    struct passing passing = catch_job(full_job());

    (void)state;
    assert_int_equal(passing.count, 3);
    assert_int_equal(arrives(&passing, passing.len, 3), 1);
    for (size_t len = 1; len < passing.len; len++)
        assert_int_equal(arrives(&passing, len, 3), -EPROTO);
    memset(passing.data + passing.len, 0, 100);
    for (size_t more = 1; more <= 100; more++)
        assert_int_equal(arrives(&passing, passing.len + more, 3), -EPROTO);
    let_go(&passing);
}

static void test_wrong_number_of_descriptors(void **state)
{
    struct passing passing = catch_job(full_job());

    (void)state;
    passing.fds[3] = passing.fds[0];
    for (size_t count = 0; count <= CHANNEL_FDS; count++)
        assert_int_equal(arrives(&passing, passing.len, count), count == 3 ? 1 : -EPROTO);
    let_go(&passing);
}

static void test_other_version(void **state)
{
    struct passing passing = catch_job(small_job());

    (void)state;
    for (uint32_t version = 0; version < 100; version++) {
        memcpy(passing.data, &version, sizeof(version));
        assert_int_equal(arrives(&passing, passing.len, 1), version == JOB_VERSION ? 1 : -EPROTO);
    }
    let_go(&passing);
}

static void test_unknown_kind(void **state)
{
    struct passing passing = catch_job(small_job());
    uint32_t kind = REQUEST_JOB;

    (void)state;
    memcpy(passing.data + sizeof(uint32_t), &kind, sizeof(kind));
    assert_int_equal(arrives(&passing, passing.len, 1), 1);
    for (kind = 0; kind < 100; kind++) {
        memcpy(passing.data + sizeof(uint32_t), &kind, sizeof(kind));
        if (kind != REQUEST_JOB)
            assert_int_equal(arrives(&passing, passing.len, 1), -EPROTO);
    }
    let_go(&passing);
}

static void test_setup_that_is_cut(void **state)
{
    const struct setup sent = {.uid = 1, .gid = 1, .slots = file(), .doorbell = file()};
    struct passing passing;

    (void)state;
    assert_int_equal(setup_send(ends[0], &sent), 0);
    close(sent.slots);
    close(sent.doorbell);
    catch_it(&passing);
    assert_int_equal(arrives(&passing, passing.len, 2), 1);
    for (size_t len = 1; len < passing.len; len++)
        assert_int_equal(arrives(&passing, len, 2), -EPROTO);
    for (size_t count = 0; count < 2; count++)
        assert_int_equal(arrives(&passing, passing.len, count), -EPROTO);
    let_go(&passing);
}

/* A hold with descriptors is invalid. */
static void test_hold_with_descriptors(void **state)
{
    struct passing passing;

    (void)state;
    assert_int_equal(request_send(ends[0], REQUEST_HOLD), 0);
    catch_it(&passing);
    passing.fds[0] = file();
    passing.count = 1;
    assert_int_equal(arrives(&passing, passing.len, 0), 1);
    assert_int_equal(arrives(&passing, passing.len, 1), -EPROTO);
    let_go(&passing);
}

/* ---- malformed jobs, which the daemon never sends ---- */

static int sent_and_received(struct job job)
{
    int free_fd;

    assert_int_equal(job_send(ends[0], &job), 0);
    job_close(&job);
    free_fd = lowest_free();
    int r = request_receive(ends[1], &request);
    if (r > 0)
        drop(&request);
    assert_int_equal(lowest_free(), free_fd);
    return r;
}

static void test_unsound_values(void **state)
{
    struct job job = small_job();

    (void)state;
    job.kind = JOB_DATAGRAMS + 1;
    assert_int_equal(sent_and_received(job), -EPROTO);
    job = small_job();
    job.kind = 0;
    assert_int_equal(sent_and_received(job), -EPROTO);
    job = small_job();
    job.options.service = SERVICE_WHOAMI + 1;
    assert_int_equal(sent_and_received(job), -EPROTO);
    job = small_job();
    job.options.protocol = PROTOCOL_UNIX_SEQPACKET + 1;
    assert_int_equal(sent_and_received(job), -EPROTO);
    job = small_job();
    job.options.proxy = PROXY_ANY + 1;
    assert_int_equal(sent_and_received(job), -EPROTO);
    job = small_job();
    job.peer.len = sizeof(job.peer.storage) + 1;
    assert_int_equal(sent_and_received(job), -EPROTO);
    job = small_job();
    memset(job.options.listener, 'x', sizeof(job.options.listener));
    assert_int_equal(sent_and_received(job), -EPROTO);
    assert_int_equal(sent_and_received(small_job()), 1);
}

/* Counts must match the number of bytes, and their sum must not overflow. */
static void test_counts_that_lie(void **state)
{
    static const size_t counts[] = {0,         2,         SIZE_MAX, SIZE_MAX / 2, SIZE_MAX / 20,
                                    INT32_MAX, 1ul << 60, 4,        3 * 20 + 1};
    struct passing passing = catch_job(full_job());
    const uint64_t id = UINT64_C(0x0102030405060708);
    char *at = memmem(passing.data, passing.len, &id, sizeof(id)); /* the start of the job */

    (void)state;
    assert_non_null(at);
    at += offsetof(struct job, datagrams.allow.count);
    for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
        memcpy(at, &counts[i], sizeof(counts[i]));
        int r = arrives(&passing, passing.len, 3);
        assert_true(r == -EPROTO || (r == 1 && counts[i] == 4)); /* padding has room for one */
    }
    let_go(&passing);
}

static void test_text_that_does_not_end(void **state)
{
    struct passing passing = catch_job(full_job());
    char *at = memmem(passing.data, passing.len, greeting, sizeof(greeting));

    (void)state;
    assert_non_null(at);
    at[sizeof(greeting) - 1] = 'x';
    assert_int_equal(arrives(&passing, passing.len, 3), -EPROTO);
    let_go(&passing);
}

/* ---- files ---- */

static struct passing catch_file(void)
{
    struct job job = full_job();

    job.datagrams.allow.count = MANY;
    struct passing passing = catch_job(job);
    assert_int_equal(passing.count, 4);
    return passing;
}

static void test_file_that_is_cut(void **state)
{
    struct passing passing = catch_file();
    struct stat st;

    (void)state;
    assert_int_equal(arrives(&passing, passing.len, 4), 1);
    assert_int_equal(fstat(passing.fds[3], &st), 0);
    assert_int_equal(ftruncate(passing.fds[3], st.st_size - 1), 0);
    assert_int_equal(arrives(&passing, passing.len, 4), -EPROTO);
    assert_int_equal(ftruncate(passing.fds[3], 0), 0);
    assert_int_equal(arrives(&passing, passing.len, 4), -EPROTO);
    let_go(&passing);
}

static void test_file_that_is_none(void **state)
{
    struct passing passing = catch_file();

    (void)state;
    close(passing.fds[3]);
    passing.fds[3] = fcntl(other[0], F_DUPFD_CLOEXEC, 0);
    assert_int_equal(arrives(&passing, passing.len, 4), -EPROTO);
    let_go(&passing);
}

static void test_length_of_the_file_that_lies(void **state)
{
    static const uint64_t lengths[] = {1, 8, 100, 5 << 20, UINT32_MAX, UINT64_MAX};
    struct passing passing = catch_file();
    struct stat st;

    (void)state;
    assert_int_equal(fstat(passing.fds[3], &st), 0);
    uint64_t right = (uint64_t)st.st_size;
    char *at = memmem(passing.data, passing.len, &right, sizeof(right));
    assert_non_null(at);
    for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
        memcpy(at, &lengths[i], sizeof(lengths[i]));
        assert_int_equal(arrives(&passing, passing.len, 4), -EPROTO);
    }
    let_go(&passing);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_every_field),
        TEST(test_small_job),
        TEST(test_which_descriptors_come_along),
        TEST(test_long_lists),
        TEST(test_longer_than_any_may_be),
        TEST(test_longest_text),
        TEST(test_many_jobs),
        TEST(test_setup),
        TEST(test_hold_and_release),
        TEST(test_cut),
        TEST(test_wrong_number_of_descriptors),
        TEST(test_other_version),
        TEST(test_unknown_kind),
        TEST(test_setup_that_is_cut),
        TEST(test_hold_with_descriptors),
        TEST(test_unsound_values),
        TEST(test_counts_that_lie),
        TEST(test_text_that_does_not_end),
        TEST(test_file_that_is_cut),
        TEST(test_file_that_is_none),
        TEST(test_length_of_the_file_that_lies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
