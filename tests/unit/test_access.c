#include "base/clock.h"
#include "base/memory.h"
#include "daemon/admission/access.h"

#include "unit.h"

#define NOW (1000 * USEC_PER_SEC)

/* Five places, one of them reserved, and three clients per source. */
struct setting {
    struct server_settings limits;
    struct settings settings;
    struct listen_settings listen;
    struct cidr deny[1], allow[1], monitor[2];
    struct roster roster;
    struct access_policy policy;
};

static struct address numeric(const char *host)
{
    struct address address;

    assert_int_equal(address_numeric(&address, host, 7), 0);
    return address;
}

static struct cidrs cidrs(struct cidr *cidr, size_t count, const char *const *texts)
{
    for (size_t i = 0; i < count; i++)
        assert_int_equal(cidr_parse(&cidr[i], texts[i]), 0);
    return (struct cidrs){.item = cidr, .count = count};
}

static int set_up(void **state)
{
    struct setting *s = memory_zeroed(1, sizeof(*s));

    s->limits = (struct server_settings){
        .max_clients = 5,
        .max_per_source = 3,
        .reserved = 1,
        .source_prefix = {.ipv4 = 32, .ipv6 = 64},
        .source_rate = {.count = 10, .interval = 10 * USEC_PER_SEC},
        .crash_penalty = 60 * USEC_PER_SEC,
        .monitor = cidrs(s->monitor, 2, (const char *const[]){"192.0.2.9", "198.51.100.9"}),
    };
    s->listen = (struct listen_settings){
        .name = "a",
        .deny = cidrs(s->deny, 1, (const char *const[]){"192.0.2.128/25"}),
    };
    s->settings = (struct settings){.server = &s->limits};
    s->policy = (struct access_policy){.settings = &s->settings, .roster = &s->roster};
    assert_int_equal(roster_open(&s->roster, 5, &s->limits.source_prefix), 0);
    assert_int_equal(access_open(&s->policy), 0);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct setting *s = *state;

    access_close(&s->policy);
    roster_close(&s->roster);
    free(s);
    return 0;
}

static struct access decide(const struct setting *s, const char *host)
{
    struct address peer = numeric(host);

    return access_decide(&s->policy, &peer, &s->listen, NOW);
}

static void fill(struct setting *s, const char *host, int count)
{
    struct address peer = numeric(host);

    for (int i = 0; i < count; i++)
        roster_add(&s->roster, 100 + s->roster.live, &peer, &s->listen);
}

/* Admits HOST COUNT times. */
static void use(struct setting *s, const char *host, int count)
{
    struct address peer = numeric(host);

    for (int i = 0; i < count; i++) {
        struct access access = decide(s, host);
        access_use(&s->policy, &access, &peer, NOW);
    }
}

static void test_address_rules(void **state)
{
    struct setting *s = *state;

    assert_int_equal(decide(s, "203.0.113.1").rule, ACCESS_OPEN);
    struct access access = decide(s, "192.0.2.129");
    assert_int_equal(access.rule, ACCESS_DENY);
    assert_ptr_equal(access.range, &s->deny[0]);
    s->listen.allow = cidrs(s->allow, 1, (const char *const[]){"192.0.2.0/24"});
    access = decide(s, "192.0.2.1");
    assert_int_equal(access.rule, ACCESS_ALLOW);
    assert_ptr_equal(access.range, &s->allow[0]);
    assert_int_equal(decide(s, "192.0.2.129").rule, ACCESS_DENY);
    assert_int_equal(decide(s, "203.0.113.1").rule, ACCESS_NOT_IN_ALLOW);
    assert_int_equal(decide(s, "2001:db8::1").rule, ACCESS_NOT_IN_ALLOW);
    access = decide(s, "192.0.2.9");
    assert_int_equal(access.rule, ACCESS_MONITOR);
    assert_ptr_equal(access.range, &s->monitor[0]);
    assert_int_equal(decide(s, "198.51.100.9").rule, ACCESS_NOT_IN_ALLOW); /* a monitor, too */
}

static void test_limits(void **state)
{
    struct setting *s = *state;

    fill(s, "203.0.113.1", 3);
    assert_int_equal(decide(s, "203.0.113.1").rule, ACCESS_SOURCE);
    assert_int_equal(decide(s, "203.0.113.2").rule, ACCESS_OPEN);
    fill(s, "192.0.2.9", 1);
    assert_int_equal(decide(s, "203.0.113.1").rule, ACCESS_RESERVED);
    assert_int_equal(decide(s, "192.0.2.9").rule, ACCESS_MONITOR);
    fill(s, "192.0.2.9", 1);
    assert_int_equal(decide(s, "203.0.113.2").rule, ACCESS_FULL);
    assert_int_equal(decide(s, "192.0.2.9").rule, ACCESS_FULL);
    assert_int_equal(decide(s, "192.0.2.129").rule, ACCESS_DENY);
}

static void test_rate(void **state)
{
    struct setting *s = *state;

    use(s, "203.0.113.1", 10);
    struct access access = decide(s, "203.0.113.1");
    assert_int_equal(access.rule, ACCESS_RATE);
    assert_int_equal(access.wait, USEC_PER_SEC);
    assert_int_equal(decide(s, "203.0.113.2").rule, ACCESS_OPEN);
    use(s, "192.0.2.9", 100);
    assert_int_equal(decide(s, "192.0.2.9").rule, ACCESS_MONITOR);
    s->limits.monitor.count = 0; /* as a monitor, it has taken no token */
    assert_int_equal(decide(s, "192.0.2.9").rule, ACCESS_OPEN);
}

static void punish(struct setting *s, const char *host, uint64_t now)
{
    struct address peer = numeric(host);

    access_penalize(&s->policy, &peer, now);
}

static void test_crash_penalty(void **state)
{
    struct setting *s = *state;
    struct address peer = numeric("203.0.113.1");

    punish(s, "203.0.113.1", NOW);
    struct access access = decide(s, "203.0.113.1");
    assert_int_equal(access.rule, ACCESS_PENALTY);
    assert_int_equal(access.wait, 60 * USEC_PER_SEC);
    assert_false(access_may_change(&access)); /* not even if a client leaves */
    assert_int_equal(decide(s, "203.0.113.2").rule, ACCESS_OPEN);
    access = access_decide(&s->policy, &peer, &s->listen, NOW + 60 * USEC_PER_SEC - 1);
    assert_int_equal(access.rule, ACCESS_PENALTY);
    access = access_decide(&s->policy, &peer, &s->listen, NOW + 60 * USEC_PER_SEC);
    assert_int_equal(access.rule, ACCESS_OPEN);
    /* The address rules are checked first, and monitors are exempt. */
    punish(s, "192.0.2.129", NOW);
    assert_int_equal(decide(s, "192.0.2.129").rule, ACCESS_DENY);
    punish(s, "192.0.2.9", NOW);
    assert_int_equal(decide(s, "192.0.2.9").rule, ACCESS_MONITOR);
}

static void test_crash_penalty_is_one_of_the_source(void **state)
{
    struct setting *s = *state;

    punish(s, "2001:db8::1", NOW);
    assert_int_equal(decide(s, "2001:db8::2").rule, ACCESS_PENALTY);
    assert_int_equal(decide(s, "2001:db8:0:1::1").rule, ACCESS_OPEN);
}

/* Behind a proxy it is that of the client; and peers of Unix sockets whose user is not known are
 * no source. */
static void test_crash_penalty_of_others(void **state)
{
    struct setting *s = *state;
    struct address client = numeric("203.0.113.1");
    struct address peer = {.len = sizeof(sa_family_t), .sa = {.sa_family = AF_UNIX}};

    fill(s, "198.51.100.1", 1);
    punish(s, "203.0.113.1", NOW);
    assert_int_equal(access_decide_proxied(&s->policy, &client, &s->listen, NOW).rule,
                     ACCESS_PENALTY);
    access_penalize(&s->policy, &peer, NOW);
    assert_int_equal(access_decide(&s->policy, &peer, &s->listen, NOW).rule, ACCESS_OPEN);
}

static void test_no_crash_penalty(void **state)
{
    struct setting *s = *state;

    access_close(&s->policy);
    s->limits.crash_penalty = 0;
    assert_int_equal(access_open(&s->policy), 0);
    assert_null(s->policy.penalties.buckets);
    punish(s, "203.0.113.1", NOW);
    assert_int_equal(decide(s, "203.0.113.1").rule, ACCESS_OPEN);
}

static void test_decisions_have_no_side_effects(void **state)
{
    struct setting *s = *state;

    for (int i = 0; i < 100; i++)
        assert_int_equal(decide(s, "203.0.113.1").rule, ACCESS_OPEN);
    use(s, "203.0.113.1", 10);
    for (int i = 0; i < 100; i++)
        assert_int_equal(decide(s, "203.0.113.1").wait, USEC_PER_SEC);
}

static void test_unix_peers(void **state)
{
    struct setting *s = *state;
    struct address peer = {.len = sizeof(sa_family_t), .sa = {.sa_family = AF_UNIX}};

    s->listen.allow = cidrs(s->allow, 1, (const char *const[]){"192.0.2.0/24"});
    for (uint64_t i = 0; i < 4; i++) {
        struct access access = access_decide(&s->policy, &peer, &s->listen, NOW);
        assert_int_equal(access.rule, ACCESS_OPEN);
        for (int j = 0; j < 50; j++)
            access_use(&s->policy, &access, &peer, NOW);
        roster_add(&s->roster, 100 + i, &peer, &s->listen);
    }
    assert_int_equal(access_decide(&s->policy, &peer, &s->listen, NOW).rule, ACCESS_RESERVED);
}

static struct access decide_user(const struct setting *s, uint32_t user)
{
    struct address peer = {.len = sizeof(sa_family_t), .user = user, .sa = {.sa_family = AF_UNIX}};

    return access_decide(&s->policy, &peer, &s->listen, NOW);
}

/* Each user is a source; root has no rate limit. */
static void test_unix_users(void **state)
{
    const struct access open = {.rule = ACCESS_OPEN};
    struct setting *s = *state;
    struct address peer = {.len = sizeof(sa_family_t), .user = 1001, .sa = {.sa_family = AF_UNIX}};

    for (uint64_t i = 0; i < 3; i++)
        roster_add(&s->roster, 100 + i, &peer, &s->listen);
    assert_int_equal(decide_user(s, 1001).rule, ACCESS_SOURCE);
    assert_int_equal(decide_user(s, 1002).rule, ACCESS_OPEN);
    assert_int_equal(decide_user(s, 1).rule, ACCESS_OPEN);
    for (int i = 0; i < 10; i++) {
        peer.user = 1002;
        access_use(&s->policy, &open, &peer, NOW);
        peer.user = 1;
        access_use(&s->policy, &open, &peer, NOW);
    }
    assert_int_equal(decide_user(s, 1002).rule, ACCESS_RATE);
    assert_int_equal(decide_user(s, 1).rule, ACCESS_OPEN);
    peer.user = 1003;
    access_penalize(&s->policy, &peer, NOW);
    assert_int_equal(decide_user(s, 1003).rule, ACCESS_PENALTY);
    assert_int_equal(decide_user(s, 1004).rule, ACCESS_OPEN);
}

static void test_unix_root(void **state)
{
    struct setting *s = *state;
    struct address peer = {.len = sizeof(sa_family_t), .user = 1, .sa = {.sa_family = AF_UNIX}};

    for (uint64_t i = 0; i < 3; i++) {
        assert_int_equal(decide_user(s, 1).rule, ACCESS_OPEN);
        roster_add(&s->roster, 100 + i, &peer, &s->listen);
    }
    assert_int_equal(decide_user(s, 1).rule, ACCESS_SOURCE);
    assert_int_equal(decide_user(s, 1001).rule, ACCESS_OPEN);
}

static void test_rate_of_loopback(void **state)
{
    struct setting *s = *state;

    use(s, "127.0.0.1", 100);
    use(s, "::1", 100);
    assert_int_equal(decide(s, "127.0.0.1").rule, ACCESS_OPEN);
    assert_int_equal(decide(s, "::1").rule, ACCESS_OPEN);
}

/* A network has the rate of four of its sources, and at least 400 per second. */
static void test_rate_of_network(void **state)
{
    struct setting *s = *state;
    char host[32];

    for (int i = 1; i <= 100; i++) {
        snprintf(host, sizeof(host), "203.0.113.%d", i);
        use(s, host, 4);
    }
    assert_int_equal(decide(s, "203.0.113.200").rule, ACCESS_RATE);
    assert_int_equal(decide(s, "203.0.114.1").rule, ACCESS_OPEN);
    s->limits.source_rate = (struct rate){.count = 200, .interval = USEC_PER_SEC};
    for (int i = 1; i <= 4; i++) {
        snprintf(host, sizeof(host), "198.51.100.%d", i);
        use(s, host, 199);
    }
    assert_int_equal(decide(s, "198.51.100.5").rule, ACCESS_OPEN);
    use(s, "198.51.100.6", 4);
    assert_int_equal(decide(s, "198.51.100.5").rule, ACCESS_RATE);
}

static void test_words(void **state)
{
    static const struct {
        uint64_t wait;
        const char *words;
    } cases[] = {
        {1, "echod: too many connections from your address, try again in 1 s\n"},
        {USEC_PER_SEC, "echod: too many connections from your address, try again in 1 s\n"},
        {USEC_PER_SEC + 1, "echod: too many connections from your address, try again in 2 s\n"},
        {86400 * USEC_PER_SEC,
         "echod: too many connections from your address, try again in 86400 s\n"},
    };
    char words[ACCESS_REFUSAL_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct access access = {.rule = ACCESS_RATE, .wait = cases[i].wait};
        assert_string_equal(access_refusal(&access, words, sizeof(words)), cases[i].words);
    }
    for (enum access_rule rule = ACCESS_DENY; rule <= ACCESS_NO_PROCESS; rule++) {
        struct access access = {.rule = rule};
        assert_non_null(access_reason(&access));
        access_refusal(&access, words, sizeof(words));
        assert_ptr_equal(strchr(words, '\n'), words + strlen(words) - 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_address_rules, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_limits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rate, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_crash_penalty, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_crash_penalty_is_one_of_the_source, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_crash_penalty_of_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_crash_penalty, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_decisions_have_no_side_effects, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unix_peers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unix_users, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unix_root, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rate_of_loopback, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rate_of_network, set_up, tear_down),
        cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
