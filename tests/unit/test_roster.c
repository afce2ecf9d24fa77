#include "daemon/session/roster.h"

#include "unit.h"

#define SEED UINT64_C(20240229)
#define ROUNDS 20000
#define CLIENTS 300
#define SOURCES 40

static const struct source_prefix usual = {.ipv4 = 32, .ipv6 = 64};
static struct listen_settings listen_a = {.name = "a"}, listen_b = {.name = "b"};

static struct address numeric(const char *host)
{
    struct address address;

    assert_int_equal(address_numeric(&address, host, 7), 0);
    return address;
}

/* Returns the job of the client that the process PID serves. */
static uint64_t job_of(pid_t pid)
{
    return (uint64_t)pid + 10000;
}

static struct client *add_to(struct roster *roster, pid_t pid, const struct address *peer,
                             const struct listen_settings *listen)
{
    struct client *client = roster_add(roster, job_of(pid), peer, listen);

    roster_started(roster, client, pid);
    return client;
}

static void add(struct roster *roster, pid_t pid, const char *host)
{
    struct address peer = numeric(host);

    add_to(roster, pid, &peer, &listen_a);
}

static void removes(struct roster *roster, pid_t pid)
{
    struct client *client = roster_find(roster, pid);

    assert_non_null(client);
    roster_remove(roster, client);
}

static size_t count(const struct roster *roster, const char *host)
{
    struct address peer = numeric(host);

    return roster_count(roster, &peer);
}

static void test_empty(void **state)
{
    struct roster roster;

    (void)state;
    roster_open(&roster, 3, &usual);
    assert_int_equal(roster.live, 0);
    assert_int_equal(roster.max, 3);
    assert_null(roster_find(&roster, 1));
    assert_int_equal(count(&roster, "192.0.2.1"), 0);
    roster_close(&roster);
}

static void test_what_was_added_is_found(void **state)
{
    struct address one = numeric("192.0.2.1"), two = numeric("2001:db8::1");
    struct roster roster;

    (void)state;
    roster_open(&roster, 3, &usual);
    size_t first = roster_next(&roster);
    add_to(&roster, 11, &one, &listen_a);
    size_t second = roster_next(&roster);
    add_to(&roster, 22, &two, &listen_b);
    assert_int_not_equal(first, second);
    assert_ptr_equal(roster_find(&roster, 11), &roster.clients[first]);
    assert_ptr_equal(roster_find(&roster, 22), &roster.clients[second]);
    assert_int_equal(roster_find(&roster, 22)->pid, 22);
    assert_true(address_equal(&roster_find(&roster, 22)->peer, &two));
    assert_string_equal(roster_find(&roster, 11)->listener, "a");
    assert_string_equal(roster_find(&roster, 22)->listener, "b");
    assert_true(roster_find(&roster, 22)->since >= roster_find(&roster, 11)->since);
    assert_null(roster_find(&roster, 33));
    removes(&roster, 11);
    assert_null(roster_find(&roster, 11));
    assert_int_equal(roster.clients[first].job, 0);
    assert_non_null(roster_find(&roster, 22));
    roster_close(&roster);
}

static void test_full_and_free_again(void **state)
{
    struct roster roster;

    (void)state;
    roster_open(&roster, 2, &usual);
    for (int round = 0; round < 10; round++) {
        add(&roster, 1, "192.0.2.1");
        add(&roster, 2, "192.0.2.2");
        assert_int_equal(roster.live, roster.max);
        assert_int_equal(count(&roster, "192.0.2.1"), 1);
        size_t freed = (size_t)(roster_find(&roster, 1) - roster.clients);
        removes(&roster, 1);
        assert_int_equal(roster_next(&roster), freed);
        assert_int_equal(count(&roster, "192.0.2.1"), 0);
        removes(&roster, 2);
        assert_int_equal(roster.live, 0);
    }
    roster_close(&roster);
}

static void test_one_client_at_most(void **state)
{
    struct roster roster;

    (void)state;
    roster_open(&roster, 1, &usual);
    add(&roster, 5, "::1");
    assert_int_equal(roster.live, roster.max);
    removes(&roster, 5);
    add(&roster, 6, "::2");
    assert_int_equal(roster_find(&roster, 6) - roster.clients, 0);
    roster_close(&roster);
}

static void test_ipv6_is_counted_by_64_bits(void **state)
{
    struct roster roster;

    (void)state;
    roster_open(&roster, 8, &usual);
    add(&roster, 1, "2001:db8:0:1::1");
    add(&roster, 2, "2001:db8:0:1:ffff:ffff:ffff:ffff");
    add(&roster, 3, "2001:db8:0:2::1");
    add(&roster, 4, "192.0.2.1");
    add(&roster, 5, "192.0.2.2");
    assert_int_equal(count(&roster, "2001:db8:0:1::"), 2);
    assert_int_equal(count(&roster, "2001:db8:0:2::9"), 1);
    assert_int_equal(count(&roster, "2001:db8:0:3::1"), 0);
    assert_int_equal(count(&roster, "192.0.2.1"), 1);
    /* The same first bytes in another family. */
    assert_int_equal(count(&roster, "c000:0201::"), 0);
    removes(&roster, 1);
    assert_int_equal(count(&roster, "2001:db8:0:1::"), 1);
    roster_close(&roster);
}

static void test_the_prefix_makes_the_source(void **state)
{
    static const struct source_prefix narrow = {.ipv4 = 24, .ipv6 = 128};
    struct roster roster;

    (void)state;
    roster_open(&roster, 8, &narrow);
    add(&roster, 1, "192.0.2.1");
    add(&roster, 2, "192.0.2.255");
    add(&roster, 3, "2001:db8::1");
    assert_int_equal(count(&roster, "192.0.2.7"), 2);
    assert_int_equal(count(&roster, "192.0.3.1"), 0);
    assert_int_equal(count(&roster, "2001:db8::1"), 1);
    assert_int_equal(count(&roster, "2001:db8::2"), 0);
    removes(&roster, 2);
    assert_int_equal(count(&roster, "192.0.2.7"), 1);
    roster_close(&roster);
}

static void test_unix_peers_are_one_source(void **state)
{
    struct address named, unnamed = {.len = sizeof(sa_family_t), .sa = {.sa_family = AF_UNIX}};
    struct roster roster;

    (void)state;
    assert_int_equal(address_unix(&named, "/run/x"), 0);
    roster_open(&roster, 8, &usual);
    add_to(&roster, 1, &named, &listen_a);
    add_to(&roster, 2, &unnamed, &listen_a);
    assert_int_equal(roster_count(&roster, &unnamed), 2);
    assert_int_equal(count(&roster, "0.0.0.0"), 0);
    roster_close(&roster);
}

static void test_proxied_client_is_counted_once_admitted(void **state)
{
    struct listen_settings proxied = {.name = "p", .proxy_protocol = PROXY_ANY};
    struct address proxy = numeric("192.0.2.1");
    struct roster roster;

    (void)state;
    roster_open(&roster, 2, &usual);
    add_to(&roster, 1, &proxy, &proxied);
    add_to(&roster, 2, &proxy, &proxied);
    assert_int_equal(roster.live, 2);
    assert_int_equal(count(&roster, "192.0.2.1"), 0);
    struct client *client = roster_find(&roster, 1);
    client->peer = numeric("198.51.100.1");
    roster_admit(&roster, client);
    assert_int_equal(count(&roster, "192.0.2.1"), 0);
    assert_int_equal(count(&roster, "198.51.100.1"), 1);
    removes(&roster, 1);
    removes(&roster, 2);
    assert_int_equal(count(&roster, "198.51.100.1"), 0);
    roster_close(&roster);
}

static void test_restore_keeps_the_indices(void **state)
{
    struct client one = {
        .job = 3, .pid = 11, .peer = numeric("192.0.2.1"), .listener = "gone", .since = 5};
    struct client two = {
        .job = 4, .pid = 22, .peer = numeric("192.0.2.1"), .service = SERVICE_MESSAGE};
    struct roster roster;
    bool taken[6] = {[1] = true, [4] = true};

    (void)state;
    roster_open(&roster, 6, &usual);
    roster_restore(&roster, 1, &one);
    roster_restore(&roster, 4, &two);
    assert_int_equal(roster.live, 2);
    assert_ptr_equal(roster_find(&roster, 11), &roster.clients[1]);
    assert_ptr_equal(roster_find(&roster, 22), &roster.clients[4]);
    assert_string_equal(roster_find(&roster, 11)->listener, "gone");
    assert_int_equal(roster_find(&roster, 11)->since, 5);
    assert_int_equal(roster_find(&roster, 22)->service, SERVICE_MESSAGE);
    assert_int_equal(count(&roster, "192.0.2.1"), 2);
    /* Skipped entries are free, each once. */
    for (pid_t pid = 100; roster.live < roster.max; pid++) {
        size_t index = roster_next(&roster);
        assert_false(taken[index]);
        taken[index] = true;
        add(&roster, pid, "192.0.2.9");
    }
    removes(&roster, 11);
    assert_int_equal(roster_next(&roster), 1);
    roster_close(&roster);
}

/* ---- jobs, whose worker is known later ---- */

static void test_job_without_a_worker(void **state)
{
    struct address peer = numeric("192.0.2.1");
    struct roster roster;

    (void)state;
    roster_open(&roster, 3, &usual);
    struct client *client = roster_add(&roster, 7, &peer, &listen_a);
    size_t index = (size_t)(client - roster.clients);
    assert_int_equal(client->pid, 0);
    assert_int_equal(roster.live, 1);
    assert_int_equal(count(&roster, "192.0.2.1"), 1);
    assert_null(roster_find(&roster, 0));
    assert_ptr_equal(roster_at(&roster, index, 7), client);
    roster_started(&roster, client, 11);
    assert_ptr_equal(roster_find(&roster, 11), client);
    assert_ptr_equal(roster_at(&roster, index, 7), client);
    roster_remove(&roster, client);
    assert_null(roster_find(&roster, 11));
    assert_null(roster_at(&roster, index, 7));
    /* A job that never gets a worker. */
    client = roster_add(&roster, 8, &peer, &listen_a);
    roster_remove(&roster, client);
    assert_int_equal(roster.live, 0);
    assert_int_equal(count(&roster, "192.0.2.1"), 0);
    roster_close(&roster);
}

/* A report about an earlier job of the entry, or an arbitrary one. */
static void test_another_job_is_not_found(void **state)
{
    struct address peer = numeric("192.0.2.1");
    struct roster roster;

    (void)state;
    roster_open(&roster, 3, &usual);
    assert_null(roster_at(&roster, 0, 0));
    assert_null(roster_at(&roster, 0, 7));
    struct client *client = roster_add(&roster, 7, &peer, &listen_a);
    size_t index = (size_t)(client - roster.clients);
    assert_null(roster_at(&roster, index, 6));
    assert_null(roster_at(&roster, index, 0));
    assert_null(roster_at(&roster, index + 1, 7));
    assert_null(roster_at(&roster, 3, 7));
    assert_null(roster_at(&roster, SIZE_MAX, 7));
    roster_remove(&roster, client);
    assert_ptr_equal(roster_add(&roster, 9, &peer, &listen_a), client);
    assert_null(roster_at(&roster, index, 7));
    assert_ptr_equal(roster_at(&roster, index, 9), client);
    roster_close(&roster);
}

static void test_restore_of_a_job_without_a_worker(void **state)
{
    struct client one = {.job = 3, .peer = numeric("192.0.2.1")};
    struct roster roster;

    (void)state;
    roster_open(&roster, 3, &usual);
    roster_restore(&roster, 1, &one);
    assert_null(roster_find(&roster, 0));
    struct client *client = roster_at(&roster, 1, 3);
    assert_non_null(client);
    roster_started(&roster, client, 11);
    removes(&roster, 11);
    assert_int_equal(roster.live, 0);
    roster_close(&roster);
}

/* ---- clients behind a proxy that are not admitted yet ---- */

/* The list has exactly the awaited clients, each once. */
static void awaits(const struct roster *roster, size_t expected)
{
    size_t waiting = 0;

    assert_int_equal(roster->awaited, expected);
    for (uint32_t i = 0; i < roster->awaited; i++) {
        const struct client *client = &roster->clients[roster->awaiting[i] - 1];
        assert_int_not_equal(client->job, 0);
        assert_int_equal(client->standing, CLIENT_AWAITED);
        assert_int_equal(client->awaited, i + 1);
    }
    for (uint32_t i = 0; i < roster->used_clients; i++)
        if (roster->clients[i].job && roster->clients[i].awaited)
            waiting++;
    assert_int_equal(waiting, expected);
}

static void test_list_of_those_that_are_awaited(void **state)
{
    struct listen_settings proxied = {.name = "p", .proxy_protocol = PROXY_ANY};
    struct address proxy = numeric("192.0.2.1");
    struct client *clients[6];
    struct roster roster;

    (void)state;
    roster_open(&roster, 6, &usual);
    for (int i = 0; i < 6; i++)
        clients[i] = add_to(&roster, i + 1, &proxy, i == 2 ? &listen_a : &proxied);
    awaits(&roster, 5);
    roster_admit(&roster, clients[0]); /* the first, which the last one replaces */
    awaits(&roster, 4);
    roster_refuse(&roster, clients[5]);
    assert_int_equal(clients[5]->standing, CLIENT_REFUSED);
    awaits(&roster, 3);
    roster_remove(&roster, clients[3]); /* while it is awaited */
    awaits(&roster, 2);
    roster_remove(&roster, clients[2]);
    roster_remove(&roster, clients[0]);
    roster_remove(&roster, clients[5]);
    awaits(&roster, 2);
    add_to(&roster, 9, &proxy, &proxied);
    awaits(&roster, 3);
    assert_int_equal(count(&roster, "192.0.2.1"), 0);
    roster_close(&roster);
}

static void test_restored_are_awaited(void **state)
{
    struct client one = {.job = 3, .standing = CLIENT_AWAITED, .peer = numeric("192.0.2.1")};
    struct client two = {.job = 4, .standing = CLIENT_REFUSED, .peer = numeric("192.0.2.1")};
    struct roster roster;

    (void)state;
    roster_open(&roster, 6, &usual);
    one.awaited = two.awaited = 17; /* of another roster */
    roster_restore(&roster, 0, &one);
    roster_restore(&roster, 1, &two);
    awaits(&roster, 1);
    roster_remove(&roster, roster_at(&roster, 1, 4));
    roster_remove(&roster, roster_at(&roster, 0, 3));
    awaits(&roster, 0);
    roster_close(&roster);
}

/* ---- random operations, compared with a simple model ---- */

struct account {
    int source[CLIENTS]; /* of the client with pid = index + 1000; -1: none */
    size_t live;
};

static uint64_t dice(void)
{
    static uint64_t x = SEED;

    x ^= x << 13; /* xorshift64 */
    x ^= x >> 7;
    return x ^= x << 17;
}

static struct address source_address(int source)
{
    char host[64];

    if (source % 2 == 0)
        snprintf(host, sizeof(host), "10.0.%d.1", source);
    else /* another one of the /64 each time */
        snprintf(host, sizeof(host), "2001:db8:0:%d::%x", source, (unsigned)dice() % 0xffff);
    return numeric(host);
}

static void agree(const struct roster *roster, const struct account *account)
{
    size_t counts[SOURCES] = {0};

    assert_int_equal(roster->live, account->live);
    for (int i = 0; i < CLIENTS; i++) {
        const struct client *client = roster_find(roster, i + 1000);
        assert_int_equal(client != NULL, account->source[i] >= 0);
        if (client)
            counts[account->source[i]]++;
    }
    for (int s = 0; s < SOURCES; s++) {
        struct address peer = source_address(s);
        assert_int_equal(roster_count(roster, &peer), counts[s]);
    }
}

/* Adds the client INDEX if it is not there and the roster is not full, else removes it. */
static void change(struct roster *roster, struct account *account, int index)
{
    int source = (int)(dice() % SOURCES);
    struct address peer = source_address(source);

    if (account->source[index] >= 0) {
        removes(roster, index + 1000);
        account->source[index] = -1;
        account->live--;
    } else if (roster->live < roster->max) {
        size_t next = roster_next(roster);
        assert_true(next < roster->max);
        assert_int_equal(roster->clients[next].job, 0);
        add_to(roster, index + 1000, &peer, &listen_a);
        assert_int_equal(roster->clients[next].pid, index + 1000);
        account->source[index] = source;
        account->live++;
    }
}

static void test_random_changes_agree_with_a_recount(void **state)
{
    static const size_t sizes[] = {1, 2, 50, CLIENTS};

    (void)state;
    print_message("seed %llu\n", (unsigned long long)SEED);
    for (size_t s = 0; s < ARRAY_SIZE(sizes); s++) {
        struct account account = {.live = 0};
        struct roster roster;
        roster_open(&roster, sizes[s], &usual);
        for (int i = 0; i < CLIENTS; i++)
            account.source[i] = -1;
        for (int round = 0; round < ROUNDS; round++) {
            change(&roster, &account, (int)(dice() % CLIENTS));
            if (round % 200 == 0)
                agree(&roster, &account);
        }
        agree(&roster, &account);
        roster_close(&roster);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_what_was_added_is_found),
        cmocka_unit_test(test_full_and_free_again),
        cmocka_unit_test(test_one_client_at_most),
        cmocka_unit_test(test_ipv6_is_counted_by_64_bits),
        cmocka_unit_test(test_the_prefix_makes_the_source),
        cmocka_unit_test(test_unix_peers_are_one_source),
        cmocka_unit_test(test_proxied_client_is_counted_once_admitted),
        cmocka_unit_test(test_restore_keeps_the_indices),
        cmocka_unit_test(test_job_without_a_worker),
        cmocka_unit_test(test_another_job_is_not_found),
        cmocka_unit_test(test_restore_of_a_job_without_a_worker),
        cmocka_unit_test(test_list_of_those_that_are_awaited),
        cmocka_unit_test(test_restored_are_awaited),
        cmocka_unit_test(test_random_changes_agree_with_a_recount),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
