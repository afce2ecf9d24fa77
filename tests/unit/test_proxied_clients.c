/*
 * The daemon's side of the question about a client behind a proxy: the test is the daemon, and its
 * worker, which may write whatever it likes.
 */
#include "base/clock.h"
#include "base/memory.h"
#include "daemon/admission/proxied_clients.h"

#include "daemon/admission/access.h"

#include "daemon/daemon.h"
#include "daemon/setup.h"
#include "unit.h"

#include <poll.h>

#define LONG (60 * USEC_PER_SEC)
#define JOB 7 /* of the client */

struct setting {
    struct server_settings limits;
    struct settings settings;
    struct listen_settings listen, *listens[1];
    struct cidr deny[1], trust[1];
    struct daemon server;
};

static struct address numeric(const char *host)
{
    struct address address;

    assert_int_equal(address_numeric(&address, host, 7), 0);
    return address;
}

static void add(struct setting *s, uint64_t job)
{
    struct address peer = numeric("127.0.0.1");

    *slots_at(&s->server.sessions.slots, roster_next(&s->server.sessions.roster)) =
        (struct slot){.error = 0};
    roster_add(&s->server.sessions.roster, job, &peer, &s->listen);
}

static int set_up(void **state)
{
    struct setting *s = memory_zeroed(1, sizeof(*s));

    s->limits = (struct server_settings){
        .max_clients = 5, .max_per_source = 1, .source_prefix = {.ipv4 = 32, .ipv6 = 64}};
    assert_int_equal(cidr_parse(s->deny, "192.0.2.128/25"), 0);
    assert_int_equal(cidr_parse(s->trust, "127.0.0.1"), 0);
    s->listen = (struct listen_settings){.name = "a",
                                         .deny = {.item = s->deny, .count = 1},
                                         .proxy_protocol = PROXY_ANY,
                                         .proxy_trust = {.item = s->trust, .count = 1}};
    s->listens[0] = &s->listen;
    s->settings = (struct settings){.server = &s->limits, .listens = s->listens, .listen_count = 1};
    daemon_init(&s->server, &(struct daemon_plan){.settings = &s->settings});
    s->server.log.level = -1;
    assert_int_equal(roster_open(&s->server.sessions.roster, 5, &s->limits.source_prefix), 0);
    assert_int_equal(slots_open(&s->server.sessions.slots, 5), 0);
    s->server.doorbell = doorbell_open();
    assert_true(s->server.doorbell >= 0);
    add(s, JOB);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct setting *s = *state;

    fd_close(&s->server.doorbell);
    slots_close(&s->server.sessions.slots);
    roster_close(&s->server.sessions.roster);
    free(s);
    return 0;
}

static struct client *client(const struct setting *s)
{
    struct client *client = roster_at(&s->server.sessions.roster, 0, JOB);

    assert_non_null(client);
    return client;
}

static struct slot *slot_of(const struct setting *s, size_t index)
{
    return slots_at(&s->server.sessions.slots, index);
}

/* The worker requests access for ADDRESS. Returns the answer. */
static int ask(struct setting *s, const struct address *address)
{
    struct slot *slot = slot_of(s, 0);

    slot->client = *address;
    slot->state = SLOT_ASKING;
    assert_int_equal(doorbell_ring(s->server.doorbell), 0);
    proxied_clients_answer(&s->server.admission, s->server.doorbell);
    return slot->answer;
}

static int ask_about(struct setting *s, const char *host)
{
    struct address address = numeric(host);

    return ask(s, &address);
}

static size_t count(const struct setting *s, const char *host)
{
    struct address address = numeric(host);

    return roster_count(&s->server.sessions.roster, &address);
}

static void test_admitted_client_is_counted(void **state)
{
    struct setting *s = *state;
    char text[ADDRESS_TEXT_MAX];

    assert_int_equal(client(s)->standing, CLIENT_AWAITED);
    assert_int_equal(count(s, "127.0.0.1"), 0);
    assert_int_equal(ask_about(s, "198.51.100.1"), SLOT_ADMITTED);
    assert_int_equal(client(s)->standing, CLIENT_ADMITTED);
    assert_string_equal(address_format(&client(s)->peer, text, sizeof(text)), "198.51.100.1:7");
    assert_string_equal(address_format(&client(s)->proxy, text, sizeof(text)), "127.0.0.1:7");
    assert_int_equal(count(s, "198.51.100.1"), 1);
    assert_int_equal(count(s, "127.0.0.1"), 0);
    assert_int_equal(s->server.counters.served, 1);
    roster_remove(&s->server.sessions.roster, client(s));
    assert_int_equal(count(s, "198.51.100.1"), 0);
}

static void test_proxy_itself(void **state)
{
    struct setting *s = *state;

    assert_int_equal(ask(s, &(struct address){.len = 0}), SLOT_ADMITTED);
    assert_int_equal(client(s)->proxy.len, 0);
    assert_int_equal(count(s, "127.0.0.1"), 1);
}

static void test_denied(void **state)
{
    struct setting *s = *state;

    assert_int_equal(ask_about(s, "::ffff:192.0.2.200"), SLOT_REFUSED);
    assert_string_equal(slot_of(s, 0)->refusal, "echod: access denied\n");
    assert_int_equal(client(s)->standing, CLIENT_REFUSED);
    assert_int_equal(count(s, "192.0.2.200"), 0);
    assert_int_equal(s->server.counters.refused, 1);
    assert_int_equal(s->server.counters.served, 0);
}

static void test_limit_per_source(void **state)
{
    struct setting *s = *state;
    struct listen_settings direct = {.name = "b"};
    struct address there = numeric("2001:db8::1");

    roster_add(&s->server.sessions.roster, 1, &there, &direct);
    assert_int_equal(ask_about(s, "2001:db8::2"), SLOT_UNANSWERED);
    assert_int_equal(client(s)->standing, CLIENT_AWAITED);
    assert_int_equal(s->server.counters.refused, 0);
    uint64_t until = client(s)->wait_until;
    assert_true(until > clock_now());
    client(s)->wait_until = clock_now() + LONG; /* repeated before its time is over */
    assert_int_equal(ask_about(s, "2001:db8::2"), SLOT_UNANSWERED);
    client(s)->wait_until = until;
    while (clock_now() < until)
        poll(NULL, 0, clock_timeout(until));
    assert_int_equal(ask_about(s, "2001:db8::2"), SLOT_REFUSED);
    assert_int_equal(s->server.counters.refused, 1);
}

/* A client has left before the request is repeated; the address stays the same. */
static void test_limit_that_is_lifted(void **state)
{
    struct setting *s = *state;
    struct listen_settings direct = {.name = "b"};
    struct address there = numeric("2001:db8::1");
    char text[ADDRESS_TEXT_MAX];

    roster_add(&s->server.sessions.roster, 1, &there, &direct);
    assert_int_equal(ask_about(s, "2001:db8::2"), SLOT_UNANSWERED);
    roster_remove(&s->server.sessions.roster, roster_at(&s->server.sessions.roster, 1, 1));
    assert_int_equal(ask_about(s, "198.51.100.1"), SLOT_ADMITTED);
    assert_string_equal(address_format(&client(s)->peer, text, sizeof(text)), "[2001:db8::2]:7");
    assert_string_equal(address_format(&client(s)->proxy, text, sizeof(text)), "127.0.0.1:7");
    assert_int_equal(count(s, "2001:db8::1"), 1);
}

/* The client itself has the last place. */
static void test_last_place_of_a_proxied_client(void **state)
{
    struct setting *s = *state;

    s->limits.max_per_source = 0;
    for (uint64_t job = 1; s->server.sessions.roster.live < 5; job++)
        add(s, job);
    assert_int_equal(ask_about(s, "198.51.100.1"), SLOT_ADMITTED);
}

static void test_listener_that_is_gone(void **state)
{
    struct setting *s = *state;

    s->settings.listen_count = 0;
    assert_int_equal(ask_about(s, "198.51.100.1"), SLOT_REFUSED);
}

static bool rings(const struct setting *s)
{
    return poll(&(struct pollfd){.fd = s->server.doorbell, .events = POLLIN}, 1, 0) == 1;
}

static void test_no_questions(void **state)
{
    struct setting *s = *state;
    struct slot *slot = slot_of(s, 0);

    proxied_clients_answer(&s->server.admission, s->server.doorbell); /* without the doorbell */
    assert_int_equal(doorbell_ring(s->server.doorbell), 0);
    proxied_clients_answer(&s->server.admission, s->server.doorbell); /* without a request */
    assert_false(rings(s));
    assert_int_equal(slot->answer, SLOT_UNANSWERED);
    assert_int_equal(client(s)->standing, CLIENT_AWAITED);
    assert_int_equal(ask_about(s, "198.51.100.1"), SLOT_ADMITTED);
    slot->answer = SLOT_UNANSWERED;
    assert_int_equal(ask_about(s, "198.51.100.2"), SLOT_UNANSWERED); /* only the first counts */
    assert_int_equal(count(s, "198.51.100.2"), 0);
    assert_false(rings(s));
}

/* The doorbell does not say who made a request: all requests are answered, and no others. */
static void test_many_questions(void **state)
{
    struct setting *s = *state;
    static const bool asks[] = {true, false, true, true, false};

    s->limits.max_per_source = 2;
    for (uint64_t job = 1; s->server.sessions.roster.live < ARRAY_SIZE(asks); job++)
        add(s, job);
    for (size_t i = 0; i < ARRAY_SIZE(asks); i++) {
        slot_of(s, i)->client = numeric(i == 3 ? "192.0.2.200" : "198.51.100.1");
        slot_of(s, i)->state = asks[i] ? SLOT_ASKING : SLOT_STARTING;
    }
    doorbell_ring(s->server.doorbell);
    proxied_clients_answer(&s->server.admission, s->server.doorbell);
    for (size_t i = 0; i < ARRAY_SIZE(asks); i++)
        assert_int_equal(slot_of(s, i)->answer, !asks[i] ? SLOT_UNANSWERED
                                                : i == 3 ? SLOT_REFUSED
                                                         : SLOT_ADMITTED);
    assert_int_equal(count(s, "198.51.100.1"), 2);
    assert_int_equal(s->server.counters.served, 2);
    assert_int_equal(s->server.counters.refused, 1);
    assert_int_equal(s->server.sessions.roster.awaited, 2);
    for (size_t i = 0; i < ARRAY_SIZE(asks); i++)
        slot_of(s, i)->state = SLOT_ASKING;
    s->limits.max_per_source = 0;
    proxied_clients_answer(&s->server.admission, s->server.doorbell);
    assert_int_equal(slot_of(s, 1)->answer, SLOT_ADMITTED);
    assert_int_equal(slot_of(s, 4)->answer, SLOT_ADMITTED);
    assert_int_equal(s->server.sessions.roster.awaited, 0);
    assert_int_equal(count(s, "198.51.100.1"), 4);
}

static void test_what_is_no_address(void **state)
{
    struct setting *s = *state;
    struct address unix_peer, odd = numeric("198.51.100.1");

    assert_int_equal(address_unix(&unix_peer, "/run/x"), 0);
    assert_int_equal(ask(s, &unix_peer), SLOT_UNANSWERED);
    for (socklen_t len = 1; len < 200; len++) {
        odd.len = len;
        odd.sa.sa_family = len == sizeof(odd.in) ? AF_INET6 : AF_INET;
        assert_int_equal(ask(s, &odd), SLOT_UNANSWERED);
    }
    odd.len = UINT32_MAX;
    assert_int_equal(ask(s, &odd), SLOT_UNANSWERED);
    assert_int_equal(client(s)->standing, CLIENT_AWAITED);
}

static void test_untrusted_proxy(void **state)
{
    struct setting *s = *state;
    struct address trusted = numeric("127.0.0.1"), other = numeric("127.0.0.2"), local;

    assert_int_equal(address_unix(&local, "/run/x"), 0);
    assert_int_equal(access_decide_proxy(&s->server.admission.policy, &trusted, &s->listen).rule,
                     ACCESS_OPEN);
    assert_int_equal(access_decide_proxy(&s->server.admission.policy, &local, &s->listen).rule,
                     ACCESS_OPEN);
    assert_int_equal(access_decide_proxy(&s->server.admission.policy, &other, &s->listen).rule,
                     ACCESS_UNTRUSTED);
    s->limits.max_clients = 1;
    assert_int_equal(access_decide_proxy(&s->server.admission.policy, &trusted, &s->listen).rule,
                     ACCESS_FULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_admitted_client_is_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_proxy_itself, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_denied, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_limit_per_source, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_limit_that_is_lifted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_last_place_of_a_proxied_client, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_listener_that_is_gone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_questions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_questions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_no_address, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_untrusted_proxy, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
