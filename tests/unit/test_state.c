#include "base/clock.h"
#include "base/memory.h"
#include "daemon/setup.h"
#include "daemon/state.h"

#include "daemon/reload/reload.h"
#include "daemon/supervise/process_handover.h"
#include "unit.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>

#define LISTENERS 3
#define SERVERS 2 /* fork servers: an older one, and the current one */
#define STORES 3
/* Those that are handed over, but the memfd of the slots. */
#define DESCRIPTORS (7 + 2 * SERVERS + STORES - 1 + LISTENERS)

static const struct source_prefix usual = {.ipv4 = 32, .ipv6 = 64};

/* A server that could be handed over: everything but the processes is real. */
struct donor {
    struct server_settings limits;
    struct settings settings;
    struct listen_settings listens[LISTENERS];
    struct daemon server;
    int fds[DESCRIPTORS];
    size_t opened;
};

static void empty(struct daemon *server, const struct settings *settings)
{
    daemon_init(server, &(struct daemon_plan){.settings = settings});
}

static int any_descriptor(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    return fd;
}

/* One that is handed over. */
static int given(struct donor *donor)
{
    assert_true(donor->opened < DESCRIPTORS);
    return donor->fds[donor->opened++] = any_descriptor();
}

/* Connections to the scribe: one that it has, a free place, and one that it has not. */
static void open_stores(struct donor *donor)
{
    struct scribe_process *scribe = &donor->server.scribe;

    scribe->connection = memory_zeroed(STORES, sizeof(*scribe->connection));
    scribe->count = STORES;
    for (uint32_t i = 0; i < STORES; i++)
        scribe->connection[i] = (struct store_connection){.fd = i == 1 ? -1 : given(donor),
                                                          .passed = i == 0,
                                                          .source = i == 1 ? 0 : UINT64_MAX - i};
    scribe->free = 2;
    scribe->waiting = 1;
}

static void open_fork_servers(struct donor *donor)
{
    struct fork_servers *fs = &donor->server.fork_servers;

    for (uint32_t i = 0; i < SERVERS; i++) {
        struct fork_server server = {.number = 5 + i,
                                     .pid = (pid_t)(2000 + i),
                                     .channel = given(donor),
                                     .far = given(donor),
                                     .file = {.device = i,
                                              .inode = UINT64_MAX,
                                              .size = 4096 + i,
                                              .modified = -1 - (int64_t)i},
                                     .ready = i == 0};
        assert_int_equal(fork_servers_adopt(fs, &server, i == SERVERS - 1), 0);
    }
    fs->known = true;
    for (unsigned i = 0; i < PROTECTION_COUNT; i++)
        fs->protection[i] = (struct protection_state){.error = (int)i, .level = 10 + (int)i};
}

static void open_descriptors(struct donor *donor)
{
    struct daemon *s = &donor->server;

    s->scribe.records_in = given(donor);
    s->scribe.records_out = given(donor);
    s->scribe.stores = given(donor);
    s->doorbell = given(donor);
    s->pid_file = given(donor);
    s->reload.waiter = given(donor);
    s->control.listener = given(donor);
    open_stores(donor);
    open_fork_servers(donor);
    for (size_t i = 0; i < s->listeners.count; i++)
        s->listeners.item[i].fd = given(donor);
    assert_int_equal(donor->opened, DESCRIPTORS);
}

static struct donor *donate(size_t max_clients)
{
    static const char *const names[LISTENERS] = {"local", "_.-",
                                                 "a-name-of-the-32-bytes-allowed-0"};
    struct donor *donor = memory_zeroed(1, sizeof(*donor));
    struct daemon *s = &donor->server;

    donor->limits = (struct server_settings){.max_clients = max_clients, .source_prefix = usual};
    donor->settings.server = &donor->limits;
    empty(s, &donor->settings);
    s->listeners.item = memory_zeroed(LISTENERS, sizeof(*s->listeners.item));
    s->listeners.count = LISTENERS;
    for (size_t i = 0; i < LISTENERS; i++) {
        donor->listens[i] = (struct listen_settings){.name = names[i], .service = (unsigned)i};
        s->listeners.item[i] = (struct listener){.settings = &donor->listens[i],
                                                 .origin = (enum listener_origin)i,
                                                 .file = {.device = i, .inode = UINT64_MAX - i}};
    }
    open_descriptors(donor);
    assert_int_equal(roster_open(&s->sessions.roster, max_clients, &usual), 0);
    assert_int_equal(slots_open(&s->sessions.slots, max_clients), 0);
    s->control.file = (struct socket_file){.device = 7, .inode = 8};
    s->scribe.sink = SINK_STDERR;
    s->scribe.pid = 4711;
    s->started = UINT64_C(12345678901234567);
    s->jobs.last = UINT64_C(1) << 39;
    return donor;
}

/* The donor's descriptors are closed; the slots' memory with HEIR's, which continues to use it. */
static void finish(struct donor *donor, struct daemon *heir)
{
    for (size_t i = 0; i < donor->opened; i++)
        fd_close(&donor->fds[i]);
    if (heir) {
        munmap(heir->sessions.slots.map, heir->sessions.slots.count * heir->sessions.slots.page);
        roster_close(&heir->sessions.roster);
        free(heir->scribe.connection);
    }
    free(donor->server.scribe.connection);
    slots_close(&donor->server.sessions.slots);
    roster_close(&donor->server.sessions.roster);
    free(donor->server.listeners.item);
    free(donor);
}

/* A descriptor with the lines that DONOR leaves. */
static int save(const struct donor *donor)
{
    struct handover handover;

    assert_int_equal(state_save(&donor->server, &handover, true), 0);
    int fd = fcntl(handover.fd, F_DUPFD_CLOEXEC, 0);
    assert_true(fd >= 0);
    handover_close(&handover);
    return fd;
}

/* Has all that DONOR leaves pass an exec, or not. */
static void pass_all(const struct donor *donor, bool pass)
{
    struct handover handover;

    assert_int_equal(state_save(&donor->server, &handover, true), 0);
    handover_pass(&handover, pass);
    assert_true(handover.count > 0 && !fcntl(handover.fd, F_GETFD) == pass);
    handover_close(&handover);
}

/* What the program that takes DONOR over, with settings of its own, has. */
static void inherit(struct daemon *heir, const struct donor *donor, const struct settings *settings,
                    struct inherited *passed)
{
    int fd = save(donor);

    empty(heir, settings);

    assert_true(fd >= 0);
    assert_int_equal(state_restore(heir, fd, passed), 0);
    assert_int_equal(fcntl(fd, F_GETFD), -1); /* it is closed */
}

static struct address numeric(const char *host, uint16_t port)
{
    struct address address;

    assert_int_equal(address_numeric(&address, host, port), 0);
    return address;
}

static bool passes_exec(int fd)
{
    int flags = fcntl(fd, F_GETFD);

    assert_true(flags >= 0);
    return !(flags & FD_CLOEXEC);
}

/* ---- from one program to the next ---- */

static void test_descriptors_and_times(void **state)
{
    struct donor *donor = donate(4);
    const struct daemon *old = &donor->server;
    struct inherited passed = {0};
    struct daemon heir;
    inherit(&heir, donor, &donor->settings, &passed);

    (void)state;
    assert_int_equal(heir.sessions.slots.memory, old->sessions.slots.memory);
    assert_int_equal(heir.scribe.sink, old->scribe.sink);
    assert_int_equal(heir.scribe.pid, 4711);
    assert_int_equal(heir.scribe.records_in, old->scribe.records_in);
    assert_int_equal(heir.scribe.records_out, old->scribe.records_out);
    assert_int_equal(heir.scribe.stores, old->scribe.stores);
    assert_int_equal(heir.doorbell, old->doorbell);
    assert_true(heir.jobs.last == old->jobs.last);
    assert_int_equal(heir.pid_file, old->pid_file);
    assert_int_equal(heir.reload.waiter, old->reload.waiter);
    assert_int_equal(heir.control.listener, old->control.listener);
    assert_int_equal(heir.control.file.device, 7);
    assert_int_equal(heir.control.file.inode, 8);
    assert_true(heir.started == old->started);
    free(passed.item);
    finish(donor, &heir);
}

static void test_fork_servers(void **state)
{
    struct donor *donor = donate(1);
    const struct fork_servers *before = &donor->server.fork_servers;
    struct inherited passed = {0};
    struct daemon heir;
    inherit(&heir, donor, &donor->settings, &passed);
    const struct fork_servers *after = &heir.fork_servers;

    (void)state;
    assert_int_equal(after->count, SERVERS);
    assert_int_equal(after->current, before->current);
    assert_int_equal(after->last_number, before->last_number);
    for (size_t i = 0; i < SERVERS; i++) {
        const struct fork_server *a = &after->item[i], *b = &before->item[i];
        assert_int_equal(a->number, b->number);
        assert_int_equal(a->pid, b->pid);
        assert_int_equal(a->channel, b->channel);
        assert_int_equal(a->far, b->far);
        assert_int_equal(a->ready, b->ready);
        assert_memory_equal(&a->file, &b->file, sizeof(a->file));
        assert_int_equal(a->jobs, 0); /* they are claimed */
        assert_false(a->drained);
    }
    assert_true(after->known);
    assert_memory_equal(after->protection, before->protection, sizeof(after->protection));
    free(passed.item);
    finish(donor, &heir);
}

static void test_connections_to_the_scribe(void **state)
{
    struct donor *donor = donate(1);
    const struct scribe_process *before = &donor->server.scribe;
    struct inherited passed = {0};
    struct daemon heir;
    inherit(&heir, donor, &donor->settings, &passed);
    struct scribe_process *after = &heir.scribe;

    (void)state;
    scribe_process_adopted(after);
    assert_int_equal(after->count, STORES);
    for (size_t i = 0; i < STORES; i++) {
        assert_int_equal(after->connection[i].fd, before->connection[i].fd);
        if (before->connection[i].fd >= 0) {
            assert_int_equal(after->connection[i].passed, before->connection[i].passed);
            assert_true(after->connection[i].source == before->connection[i].source);
        }
    }
    assert_int_equal(after->free, 2);
    assert_int_equal(after->connection[1].next, 0);
    assert_int_equal(after->waiting, 1);
    free(passed.item);
    finish(donor, &heir);
}

static void test_what_there_is_not(void **state)
{
    struct donor *donor = donate(1);
    struct inherited passed = {0};

    (void)state;
    donor->server.pid_file = donor->server.reload.waiter = donor->server.control.listener = -1;
    donor->server.listeners.count = 0;
    donor->server.fork_servers.count = donor->server.scribe.count = 0;
    donor->server.fork_servers.known = false;
    donor->server.scribe.stores = -1;
    struct daemon heir;
    inherit(&heir, donor, &donor->settings, &passed);
    assert_int_equal(heir.pid_file, -1);
    assert_int_equal(heir.reload.waiter, -1);
    assert_int_equal(heir.control.listener, -1);
    assert_int_equal(heir.scribe.stores, -1);
    assert_int_equal(heir.fork_servers.count, 0);
    assert_int_equal(heir.fork_servers.current, 0);
    assert_false(heir.fork_servers.known);
    assert_int_equal(passed.count, 0);
    assert_int_equal(heir.sessions.roster.live, 0);
    finish(donor, &heir);
}

static void expect_listeners(const struct donor *donor, const struct inherited *passed)
{
    assert_int_equal(passed->count, LISTENERS);
    for (size_t i = 0; i < LISTENERS; i++) {
        assert_int_equal(passed->item[i].fd, donor->server.listeners.item[i].fd);
        assert_int_equal(passed->item[i].origin, i);
        assert_true(passed->item[i].known);
        assert_string_equal(passed->item[i].name, donor->listens[i].name);
        assert_true(passed->item[i].file.device == i);
        assert_true(passed->item[i].file.inode == UINT64_MAX - i);
        assert_false(passes_exec(passed->item[i].fd));
    }
}

static void test_listeners(void **state)
{
    struct donor *donor = donate(1);
    struct inherited passed = {0};
    struct daemon heir;
    inherit(&heir, donor, &donor->settings, &passed);

    (void)state;
    expect_listeners(donor, &passed);
    free(passed.item);
    finish(donor, &heir);
}

static void test_counters_continue(void **state)
{
    struct donor *donor = donate(1);
    struct inherited passed = {0};

    (void)state;
    for (size_t i = 0; i < counter_count; i++)
        *counter_of(&donor->server.counters, &counter_table[i]) = UINT64_MAX - 100 - i;
    histograms_add_duration(&donor->server.counters.sessions, 4711);
    histograms_add_rtt(&donor->server.counters.sessions, 42);
    struct daemon heir;
    inherit(&heir, donor, &donor->settings, &passed);
    assert_true(heir.counters.reloads == donor->server.counters.reloads + 1);
    heir.counters.reloads--;
    assert_memory_equal(&heir.counters, &donor->server.counters, sizeof(heir.counters));
    free(passed.item);
    finish(donor, &heir);
}

/* ---- clients ---- */

static void expect_client(const struct daemon *heir, const struct daemon *old, pid_t pid)
{
    const struct client *before = roster_find(&old->sessions.roster, pid);
    const struct client *after = roster_find(&heir->sessions.roster, pid);

    assert_non_null(before);
    assert_non_null(after);
    assert_int_equal(after - heir->sessions.roster.clients, before - old->sessions.roster.clients);
    assert_true(address_equal(&after->peer, &before->peer));
    assert_int_equal(after->peer.len, before->peer.len);
    assert_true(after->job == before->job);
    assert_int_equal(after->server, before->server);
    assert_int_equal(after->store, before->store);
    assert_int_equal(after->signal, before->signal);
    assert_string_equal(after->listener, before->listener);
    assert_int_equal(after->service, before->service);
    assert_true(after->since == before->since);
    assert_int_equal(after->end_requested, before->end_requested);
    assert_int_equal(after->standing, before->standing);
    assert_int_equal(after->proxy.len, before->proxy.len);
    assert_memory_equal(&after->proxy.storage, &before->proxy.storage, after->proxy.len);
    assert_int_equal(roster_count(&heir->sessions.roster, &after->peer),
                     roster_count(&old->sessions.roster, &before->peer));
}

/* A client of LISTEN at roster_next(), whose worker is PID; 0: it is not known yet. */
static struct client *add_to(struct daemon *server, pid_t pid, const struct address *peer,
                             const struct listen_settings *listen)
{
    uint64_t job = jobs_client_id(&server->jobs, roster_next(&server->sessions.roster));
    struct client *client = roster_add(&server->sessions.roster, job, peer, listen);

    client->server = 5 + (uint32_t)pid % SERVERS;
    if (pid > 0)
        roster_started(&server->sessions.roster, client, pid);
    return client;
}

static void add(struct donor *donor, pid_t pid, const struct address *peer)
{
    add_to(&donor->server, pid, peer, &donor->listens[pid % LISTENERS]);
}

static void test_clients_of_every_kind(void **state)
{
    struct donor *donor = donate(10);
    struct inherited passed = {0};
    struct address peers[6] = {numeric("192.0.2.1", 65535),
                               numeric("192.0.2.1", 1),
                               numeric("2001:db8::1", 7),
                               numeric("fe80::1%lo", 7),
                               {.len = sizeof(sa_family_t)}};
    char name[110];

    (void)state;
    peers[4].sa.sa_family = AF_UNIX;
    memset(name, '\377', sizeof(name));
    name[0] = '@';
    name[107] = '\0';
    assert_int_equal(address_unix(&peers[5], name), 0);
    peers[5].un.sun_path[50] = '\0'; /* abstract names may have any bytes */
    for (pid_t i = 0; i < 6; i++)
        add(donor, 100 + i, &peers[i]);
    struct daemon heir;
    inherit(&heir, donor, &donor->settings, &passed);
    assert_int_equal(heir.sessions.roster.live, 6);
    for (pid_t i = 0; i < 6; i++)
        expect_client(&heir, &donor->server, 100 + i);
    free(passed.item);
    finish(donor, &heir);
}

/* Waiting for its address; let in; refused. */
static void test_clients_behind_a_proxy(void **state)
{
    struct donor *donor = donate(10);
    struct inherited passed = {0};
    struct address proxy = numeric("192.0.2.1", 7), peer = numeric("2001:db8::1", 8);

    (void)state;
    donor->listens[0].proxy_protocol = PROXY_V2;
    for (pid_t pid = 1; pid <= 3; pid++) {
        struct client *client = add_to(&donor->server, pid, &proxy, &donor->listens[0]);
        assert_int_equal(client->standing, CLIENT_AWAITED);
        if (pid == 1)
            continue;
        client->proxy = proxy;
        client->peer = peer;
        if (pid == 3)
            roster_refuse(&donor->server.sessions.roster, client);
        else
            roster_admit(&donor->server.sessions.roster, client);
    }
    struct daemon heir;
    inherit(&heir, donor, &donor->settings, &passed);
    for (pid_t pid = 1; pid <= 3; pid++)
        expect_client(&heir, &donor->server, pid);
    assert_int_equal(heir.sessions.roster.awaited, 1);
    assert_int_equal(roster_count(&heir.sessions.roster, &proxy), 0);
    assert_int_equal(roster_count(&heir.sessions.roster, &peer), 1);
    free(passed.item);
    finish(donor, &heir);
}

static void test_a_client_that_was_asked_to_end(void **state)
{
    struct donor *donor = donate(2);
    struct address peer = numeric("192.0.2.1", 7);
    struct inherited passed = {0};

    (void)state;
    add(donor, 100, &peer);
    add(donor, 101, &peer);
    roster_find(&donor->server.sessions.roster, 100)->end_requested = true;
    struct daemon heir;
    inherit(&heir, donor, &donor->settings, &passed);
    expect_client(&heir, &donor->server, 100);
    expect_client(&heir, &donor->server, 101);
    free(passed.item);
    finish(donor, &heir);
}

/* Its fork server has not reported it yet; it stores; it is still to get a signal. */
static void test_a_client_without_a_worker(void **state)
{
    struct donor *donor = donate(2);
    struct address peer = numeric("192.0.2.1", 7);
    struct inherited passed = {0};

    (void)state;
    struct client *client = add_to(&donor->server, 0, &peer, &donor->listens[0]);
    size_t index = (size_t)(client - donor->server.sessions.roster.clients);
    client->store = 3;
    client->signal = SIGTERM;
    struct daemon heir;
    inherit(&heir, donor, &donor->settings, &passed);
    const struct client *after = roster_at(&heir.sessions.roster, index, client->job);
    assert_non_null(after);
    assert_int_equal(after->pid, 0);
    assert_int_equal(after->server, client->server);
    assert_int_equal(after->store, 3);
    assert_int_equal(after->signal, SIGTERM);
    assert_null(roster_find(&heir.sessions.roster, 0));
    free(passed.item);
    finish(donor, &heir);
}

static void leave(struct donor *donor, pid_t pid)
{
    roster_remove(&donor->server.sessions.roster, roster_find(&donor->server.sessions.roster, pid));
}

/* COUNT clients, of which each third has left, each with its number in its slot. */
static void fill(struct donor *donor, pid_t count)
{
    struct address peer = numeric("192.0.2.1", 7);

    for (pid_t i = 0; i < count; i++) {
        size_t index = roster_next(&donor->server.sessions.roster);
        slots_at(&donor->server.sessions.slots, index)->bytes_in = (uint64_t)i;
        add(donor, 1000 + i, &peer);
    }
    for (pid_t i = 0; i < count; i += 3)
        leave(donor, 1000 + i);
}

/* That all of COUNT clients are there with their slots, and as many more fit in as MAX allows. */
static void expect_filled(const struct donor *donor, struct daemon *heir, pid_t count, size_t max)
{
    struct address peer = numeric("192.0.2.1", 7);
    size_t stayed = donor->server.sessions.roster.live;

    for (pid_t i = 0; i < count; i++) {
        if (i % 3 == 0) {
            assert_null(roster_find(&heir->sessions.roster, 1000 + i));
            continue;
        }
        expect_client(heir, &donor->server, 1000 + i);
        size_t index =
            (size_t)(roster_find(&heir->sessions.roster, 1000 + i) - heir->sessions.roster.clients);
        assert_int_equal(slots_at(&heir->sessions.slots, index)->bytes_in, i);
    }
    assert_int_equal(heir->sessions.roster.live, stayed);
    assert_int_equal(roster_count(&heir->sessions.roster, &peer), stayed);
    for (pid_t pid = 5000; heir->sessions.roster.live < max; pid++) {
        size_t index = roster_next(&heir->sessions.roster);
        assert_true(index < heir->sessions.slots.count);
        assert_int_equal(heir->sessions.roster.clients[index].job, 0);
        slots_at(&heir->sessions.slots, index)->bytes_in = (uint64_t)pid; /* there is memory */
        add_to(heir, pid, &peer, &donor->listens[0]);
    }
}

static void hand_over(size_t before, size_t after)
{
    struct donor *donor = donate(before);
    struct server_settings limits = {.max_clients = after, .source_prefix = usual};
    struct settings settings = {.server = &limits};
    struct inherited passed = {0};

    fill(donor, (pid_t)before);
    struct daemon heir;
    inherit(&heir, donor, &settings, &passed);
    assert_int_equal(heir.sessions.roster.max, before > after ? before : after);
    assert_int_equal(heir.sessions.slots.count, before > after ? before : after);
    expect_filled(donor, &heir, (pid_t)before, heir.sessions.roster.max);
    free(passed.item);
    finish(donor, &heir);
}

static void test_as_many_clients_as_before(void **state)
{
    (void)state;
    hand_over(300, 300);
}

static void test_more_clients_than_before(void **state)
{
    (void)state;
    hand_over(10, 5000);
}

static void test_fewer_clients_than_there_are(void **state)
{
    (void)state;
    hand_over(300, 1);
}

/* ---- invalid requests ---- */

static int file_of(const char *text)
{
    int fd = memfd_create("test", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    return fd;
}

static int read_text(const char *text)
{
    struct server_settings limits = {.max_clients = 2, .source_prefix = usual};
    struct settings settings = {.server = &limits};
    struct daemon heir;
    struct inherited passed = {0};
    int fd = file_of(text);

    empty(&heir, &settings);
    int r = state_restore(&heir, fd, &passed);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    free(passed.item);
    free(heir.scribe.connection);
    roster_close(&heir.sessions.roster);
    return r;
}

static void test_nonsense(void **state)
{
    static const char *const texts[] = {
        "",
        "\n",
        "echod-handover 3",
        "echod-handover 2\n",
        "echod-handover 10\n",
        "started 1\n",
        "echod-handover 3\nslots 3\n",
        "echod-handover 3\nslots x 1\n",
        "echod-handover 3\nscribe 1 2 3\n",
        "echod-handover 3\nstarted soon\n",
        "echod-handover 3\ntotal served\n",
        "echod-handover 3\nhistogram duration 1\n",
        "echod-handover 3\npid-file x\n",
        "echod-handover 3\nwaiter x\n",
        "echod-handover 3\ncontrol x\n",
        "echod-handover 3\nlistener 1 x\n",
        "echod-handover 3\nscribe 1 2 3 4\n",
        "echod-handover 3\nstore 1 2\n",
        "echod-handover 3\nstore 0 2 1\n",
        "echod-handover 3\nstore 16777217 2 1\n",
        "echod-handover 3\nfork-server 1 2 3 4 1 1 1 1 1\n",
        "echod-handover 3\nfork-server 0 2 3 4 1 1 1 1 1 1\n",
        "echod-handover 3\nprotection 1 2\n",
        "echod-handover 3\njobs x\n",
        "echod-handover 3\ndoorbell x\n",
        "echod-handover 3\nclient 1 1 1 0 0 1 0 0 a 0200 0 \n", /* before there is room for it */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        if (read_text(texts[i]) != -EPROTO)
            fail_msg("%s gives %d", texts[i], read_text(texts[i]));
    }
}

/* Reads what a donor of one client left, its last line changed: cut after CUT words, if that is not
 * negative; followed by TAIL. */
static int read_changed(int cut, const char *tail)
{
    struct donor *donor = donate(2);
    struct daemon heir;
    struct address peer = numeric("192.0.2.1", 7);
    struct inherited passed = {0};
    char text[8192] = "";

    empty(&heir, &donor->settings);
    add(donor, 100, &peer);
    int fd = save(donor);
    ssize_t len = pread(fd, text, sizeof(text) - 1000, 0);
    assert_true(len > 0 && text[len - 1] == '\n');
    text[len - 1] = '\0';
    char *line = strrchr(text, '\n') + 1;
    assert_memory_equal(line, "client ", 7);
    for (char *p = line; *p && cut >= 0; p++)
        if (*p == ' ' && cut-- == 0)
            *p = '\0';
    strcat(text, tail);
    close(fd);
    int r = state_restore(&heir, file_of(text), &passed);
    free(passed.item);
    finish(donor, heir.sessions.slots.map ? &heir : NULL);
    return r;
}

static void test_nonsense_about_clients(void **state)
{
    char zeros[802] = " ";

    (void)state;
    memset(zeros + 1, '0', sizeof(zeros) - 2);
    zeros[sizeof(zeros) - 1] = '\0';
    assert_int_equal(read_changed(-1, "\n"), 0);
    for (int words = 1; words <= 10; words++)
        assert_int_equal(read_changed(words, "\n"), -EPROTO);
    /* There are two places: the number of it is a part of the job's. */
    assert_int_equal(read_changed(0, " 16777217 1 1 0 0 1 1 0 a 0200 0 \n"), 0);
    assert_int_equal(read_changed(0, " 16777218 1 1 0 0 1 1 0 a 0200 0 \n"), -EPROTO);
    assert_int_equal(read_changed(11, " - 1001\n"), 0);
    assert_int_equal(read_changed(11, "\n"), 0); /* of a version that knew no users */
    assert_int_equal(read_changed(11, " 02\n"), 0);
    assert_int_equal(read_changed(11, " xx 0\n"), -EPROTO);
    assert_int_equal(read_changed(11, zeros), -EPROTO); /* too long an address */
}

static void test_what_a_later_version_adds_is_passed_over(void **state)
{
    (void)state;
    assert_int_equal(read_text("echod-handover 3\n"), 0);
    assert_int_equal(read_text("echod-handover 3\nprotection 99 1 2\n"), 0);
    assert_int_equal(read_text("echod-handover 3\nfuture 1 2 3\n\ntotal future 5\n"), 0);
}

/* ---- passing an exec ---- */

static void test_pass(void **state)
{
    struct donor *donor = donate(1);
    int fd = save(donor), other = any_descriptor();

    (void)state;
    assert_false(passes_exec(fd));
    for (int on = 1; on >= 0; on--) {
        pass_all(donor, on);
        assert_int_equal(passes_exec(donor->server.sessions.slots.memory), on);
        for (size_t i = 0; i < DESCRIPTORS; i++)
            assert_int_equal(passes_exec(donor->fds[i]), on);
        assert_false(passes_exec(other));
    }
    fd_close(&fd);
    fd_close(&other);
    finish(donor, NULL);
}

static void test_all_is_close_on_exec_again_once_it_is_read(void **state)
{
    struct donor *donor = donate(1);
    struct daemon heir;
    struct inherited passed = {0};
    int fd = save(donor);

    empty(&heir, &donor->settings);
    (void)state;
    pass_all(donor, true);
    assert_int_equal(state_restore(&heir, fd, &passed), 0);
    assert_false(passes_exec(donor->server.sessions.slots.memory));
    for (size_t i = 0; i < DESCRIPTORS; i++)
        assert_false(passes_exec(donor->fds[i]));
    free(passed.item);
    finish(donor, &heir);
}

static void test_find(void **state)
{
    int fd = file_of("echod-handover 3\n");
    char text[16];

    (void)state;
    unsetenv(HANDOVER_VARIABLE);
    assert_int_equal(handover_find(), -1);
    snprintf(text, sizeof(text), "%d", fd);
    setenv(HANDOVER_VARIABLE, text, 1);
    assert_int_equal(fcntl(fd, F_SETFD, 0), 0);
    assert_int_equal(handover_find(), fd);
    assert_false(passes_exec(fd));
    assert_null(getenv(HANDOVER_VARIABLE));
    assert_int_equal(handover_find(), -1);
    close(fd);
}

/* Whatever it names, it is left as it is. */
static void test_find_nonsense(void **state)
{
    static const char *const texts[] = {
        "", "x", "-1", "99999", "3x", "4294967298", "99999999999999999999"};
    int other[] = {file_of("another file\n"), file_of(""), fcntl(any_descriptor(), F_DUPFD, 0)};
    char text[16];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        setenv(HANDOVER_VARIABLE, texts[i], 1);
        assert_int_equal(handover_find(), -1);
    }
    for (size_t i = 0; i < ARRAY_SIZE(other); i++) {
        assert_int_equal(fcntl(other[i], F_SETFD, 0), 0);
        snprintf(text, sizeof(text), "%d", other[i]);
        setenv(HANDOVER_VARIABLE, text, 1);
        assert_int_equal(handover_find(), -1);
        assert_true(passes_exec(other[i]));
        close(other[i]);
    }
    unsetenv(HANDOVER_VARIABLE);
}

static void test_what_is_needed_first(void **state)
{
    int settings = any_descriptor();
    char text[200];

    (void)state;
    snprintf(text, sizeof(text), "echod-handover 3\nscribe 1 2 3 57 5\nx\nsettings %d\n", settings);
    int fd = file_of(text);
    assert_int_equal(handover_number(fd, "settings %d"), settings);
    assert_int_equal(processes_find_records(fd), 57);
    close(fd);
    fd = file_of("echod-handover 3\nsettings x\nscribe 1 2\n");
    assert_int_equal(handover_number(fd, "settings %d"), -1);
    assert_int_equal(processes_find_records(fd), -1);
    close(fd);
    close(settings);
    assert_int_equal(handover_number(fd, "settings %d"), -1);
}

/* ---- the time that a dry run has ---- */

static void test_a_dry_run_is_killed_at_its_deadline(void **state)
{
    struct server_settings limits = {.max_clients = 1};
    struct settings settings = {.server = &limits};
    struct daemon server;

    empty(&server, &settings);
    (void)state;
    reload_run(&server.reload, UINT64_MAX); /* there is none */
    server.reload.pid = fork();
    if (server.reload.pid == 0) {
        for (;;)
            pause();
    }
    server.reload.deadline = clock_now() + USEC_PER_SEC;
    reload_run(&server.reload, server.reload.deadline - 1);
    assert_int_equal(waitpid(server.reload.pid, NULL, WNOHANG), 0);
    reload_run(&server.reload, server.reload.deadline);
    assert_int_equal(child_end(server.reload.pid), 1000 + SIGKILL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_descriptors_and_times),
        cmocka_unit_test(test_fork_servers),
        cmocka_unit_test(test_connections_to_the_scribe),
        cmocka_unit_test(test_what_there_is_not),
        cmocka_unit_test(test_listeners),
        cmocka_unit_test(test_counters_continue),
        cmocka_unit_test(test_clients_of_every_kind),
        cmocka_unit_test(test_clients_behind_a_proxy),
        cmocka_unit_test(test_a_client_that_was_asked_to_end),
        cmocka_unit_test(test_a_client_without_a_worker),
        cmocka_unit_test(test_as_many_clients_as_before),
        cmocka_unit_test(test_more_clients_than_before),
        cmocka_unit_test(test_fewer_clients_than_there_are),
        cmocka_unit_test(test_nonsense),
        cmocka_unit_test(test_nonsense_about_clients),
        cmocka_unit_test(test_what_a_later_version_adds_is_passed_over),
        cmocka_unit_test(test_pass),
        cmocka_unit_test(test_all_is_close_on_exec_again_once_it_is_read),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_find_nonsense),
        cmocka_unit_test(test_what_is_needed_first),
        cmocka_unit_test(test_a_dry_run_is_killed_at_its_deadline),
    };
    return cmocka_run_group_tests(tests, watchdog_setup, NULL);
}
