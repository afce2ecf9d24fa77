#include "daemon/roster.h"

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

static void add(struct roster *roster, pid_t pid, const char *host)
{
    struct address peer = numeric(host);

    roster_add(roster, pid, &peer, &listen_a);
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
    roster_add(&roster, 11, &one, &listen_a);
    size_t second = roster_next(&roster);
    roster_add(&roster, 22, &two, &listen_b);
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
    assert_int_equal(roster.clients[first].pid, 0);
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
    /* The same first bytes, of another family. */
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
    roster_add(&roster, 1, &named, &listen_a);
    roster_add(&roster, 2, &unnamed, &listen_a);
    assert_int_equal(roster_count(&roster, &unnamed), 2);
    assert_int_equal(count(&roster, "0.0.0.0"), 0);
    roster_close(&roster);
}

static void test_whom_a_proxy_speaks_for_is_counted_once_he_is_let_in(void **state)
{
    struct listen_settings proxied = {.name = "p", .proxy_protocol = PROXY_ANY};
    struct address proxy = numeric("192.0.2.1");
    struct roster roster;

    (void)state;
    roster_open(&roster, 2, &usual);
    roster_add(&roster, 1, &proxy, &proxied);
    roster_add(&roster, 2, &proxy, &proxied);
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
    struct client one = {.pid = 11, .peer = numeric("192.0.2.1"), .listener = "gone", .since = 5};
    struct client two = {.pid = 22, .peer = numeric("192.0.2.1"), .service = SERVICE_MESSAGE};
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
    /* What was left out is free, each once. */
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

/* ---- at random, against a simple account ---- */

struct account {
    int source[CLIENTS]; /* of the client with pid = index + 1000; -1: not there */
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

/* Adds the client INDEX, if it is not there and the roster not full; else strikes it off. */
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
        assert_int_equal(roster->clients[next].pid, 0);
        roster_add(roster, index + 1000, &peer, &listen_a);
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
        cmocka_unit_test(test_whom_a_proxy_speaks_for_is_counted_once_he_is_let_in),
        cmocka_unit_test(test_restore_keeps_the_indices),
        cmocka_unit_test(test_random_changes_agree_with_a_recount),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
