#include "worker/datagram_repeats.h"

#include "unit.h"

static struct datagram_repeats repeats;
static uint64_t now = 1000 * REPEATS_PAUSE;

/* A seed with which the peers and texts of these tests take places of their own; with one by chance
 * two of them would share a place once in a while. */
static int forget_all(void **state)
{
    (void)state;
    memset(&repeats, 0, sizeof(repeats));
    repeats.seed = (struct hash_seed){{1, 2}};
    return 0;
}

static struct address from(const char *host, uint16_t port)
{
    struct address a;

    assert_int_equal(address_numeric(&a, host, port), 0);
    return a;
}

/* Returns how many of COUNT equal datagrams, STEP microseconds apart, are dropped. */
static unsigned left_out(const struct address *peer, const char *text, unsigned count,
                         uint64_t step)
{
    unsigned out = 0;

    for (unsigned i = 0; i < count; i++, now += step)
        out += datagram_repeats_is_loop(&repeats, peer, text, strlen(text), now);
    return out;
}

static void test_one_of_many_is_left_out(void **state)
{
    struct address peer = from("192.0.2.1", 8888);

    (void)state;
    assert_int_equal(left_out(&peer, "round", REPEATS_MAX - 1, 1), 0);
    assert_int_equal(left_out(&peer, "round", 1, 1), 1);
    assert_in_range(left_out(&peer, "round", 1000 * REPEATS_MAX, 1), 900, 1100);
    assert_int_equal(left_out(&peer, "", REPEATS_MAX, REPEATS_PAUSE), 1);
}

static void test_slow_repeats_are_no_loop(void **state)
{
    struct address peer = from("2001:db8::1", 8888);

    (void)state;
    assert_int_equal(left_out(&peer, "slow", 10 * REPEATS_MAX, REPEATS_PAUSE + 1), 0);
}

/* Over a Unix socket, clients do not expect losses. */
static void test_unix_sockets_are_faster(void **state)
{
    struct address peer, other;

    (void)state;
    assert_int_equal(address_unix(&peer, "/run/echod/a"), 0);
    assert_int_equal(address_unix(&other, "/run/echod/b"), 0);
    assert_int_equal(left_out(&peer, "slow", 10 * REPEATS_MAX, REPEATS_PAUSE_UNIX + 1), 0);
    assert_int_equal(left_out(&peer, "fast", REPEATS_MAX - 1, REPEATS_PAUSE_UNIX), 0);
    assert_int_equal(left_out(&other, "fast", REPEATS_MAX - 1, REPEATS_PAUSE_UNIX), 0);
    now -= (REPEATS_MAX - 1) * REPEATS_PAUSE_UNIX;
    assert_int_equal(left_out(&peer, "fast", 1, 1), 1);
}

static void test_different_ones_are_nothing(void **state)
{
    struct address peer = from("192.0.2.1", 8888);
    char text[16];

    (void)state;
    for (unsigned i = 0; i < 20 * REPEATS_MAX; i++) {
        snprintf(text, sizeof(text), "%u", i);
        assert_int_equal(left_out(&peer, text, 1, 1), 0);
    }
}

static void test_peers_are_counted_separately(void **state)
{
    struct address peer = from("192.0.2.1", 8888), neighbour = from("192.0.2.2", 8888);

    (void)state;
    for (unsigned i = 1; i < REPEATS_MAX; i++) {
        struct address other = from("192.0.2.1", (uint16_t)(9000 + i));
        assert_int_equal(left_out(&other, "round", 1, 1), 0);
        assert_int_equal(left_out(&neighbour, "round", 1, 1), 0);
        assert_int_equal(left_out(&peer, "round", 1, 1), 0);
    }
    assert_int_equal(left_out(&peer, "round", 1, 1), 1);
}

/* Several loops at once are all found, in any order. */
static void test_several_at_once(void **state)
{
    struct address peer = from("192.0.2.1", 8888);
    unsigned out = 0;

    (void)state;
    for (unsigned i = 0; i < REPEATS_MAX; i++) {
        out += left_out(&peer, "one", 1, 1);
        out += left_out(&peer, "two", 1, 1);
        out += left_out(&peer, "three", 1, 1);
    }
    assert_int_equal(out, 3);
}

/* Plays so many that go round, each until it is left out. Returns how often they went round until
 * none did any more; LIMIT: some still do. */
static unsigned rounds_until_over(uint32_t count, unsigned limit)
{
    static uint32_t alive[20000];
    struct address peer = from("192.0.2.1", 8888);
    unsigned rounds = 0;

    for (uint32_t i = 0; i < count; i++)
        alive[i] = i;
    for (; count > 0 && rounds < limit; rounds++) {
        uint32_t left = 0;
        now += REPEATS_PAUSE / 10;
        for (uint32_t i = 0; i < count; i++)
            if (!datagram_repeats_is_loop(&repeats, &peer, &alive[i], sizeof(alive[i]), now))
                alive[left++] = alive[i];
        count = left;
    }
    return rounds;
}

/* More than the places in a row, so that many share a place. */
static void test_all_are_found_whatever_collides(void **state)
{
    (void)state;
    assert_in_range(rounds_until_over(20000, 20 * REPEATS_MAX), 2, 20 * REPEATS_MAX - 1);
}

/* All its places are shared with others that fill them permanently. */
static void test_one_that_collides_everywhere(void **state)
{
    struct repeat *place = &repeats.place[0][0];
    struct address peer = from("192.0.2.1", 8888);
    unsigned rounds = 0;

    (void)state;
    do {
        for (size_t i = 0; i < sizeof(repeats.place) / sizeof(*place); i++)
            place[i] = (struct repeat){.last = 0xfffff, .count = REPEATS_MAX};
        now = 0xfffff;
        rounds++;
    } while (left_out(&peer, "round", 1, 1) == 0 && rounds < 20 * REPEATS_MAX);
    assert_in_range(rounds, 1, 20 * REPEATS_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_one_of_many_is_left_out, forget_all),
        cmocka_unit_test_setup(test_slow_repeats_are_no_loop, forget_all),
        cmocka_unit_test_setup(test_unix_sockets_are_faster, forget_all),
        cmocka_unit_test_setup(test_different_ones_are_nothing, forget_all),
        cmocka_unit_test_setup(test_peers_are_counted_separately, forget_all),
        cmocka_unit_test_setup(test_several_at_once, forget_all),
        cmocka_unit_test_setup(test_all_are_found_whatever_collides, forget_all),
        cmocka_unit_test_setup(test_one_that_collides_everywhere, forget_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
