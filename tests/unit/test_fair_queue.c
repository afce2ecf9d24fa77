#include "base/macros.h"
#include "scribe/fair_queue.h"

#include "unit.h"

/* Letters identify sources: "ab" is one client of each. */
static void wait_all(struct fair_queue *queue, struct store_client *clients, const char *sources)
{
    for (size_t i = 0; sources[i]; i++) {
        clients[i] = (struct store_client){.fd = (int)i, .source = (uint64_t)sources[i]};
        fair_queue_add(queue, &clients[i]);
    }
}

/* Takes all turns, and checks their order. */
static void take_turns(struct fair_queue *queue, const char *expected)
{
    struct store_client *client;
    char taken[64];
    size_t count = 0;

    while ((client = fair_queue_next(queue)) != NULL)
        taken[count++] = (char)client->source;
    taken[count] = '\0';
    assert_string_equal(taken, expected);
}

static void test_sources_take_turns(void **state)
{
    static const char *const cases[][2] = {
        {"", ""},         {"a", "a"},           {"aaa", "aaa"},       {"abc", "abc"},
        {"aaab", "abaa"}, {"aaaabb", "ababaa"}, {"aaabcb", "abcaba"}, {"baaaaaaaa", "baaaaaaaa"}};
    static struct fair_queue queue;
    struct store_client clients[16];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        wait_all(&queue, clients, cases[i][0]);
        take_turns(&queue, cases[i][1]);
    }
}

static void test_clients_of_a_source_keep_their_order(void **state)
{
    static struct fair_queue queue;
    struct store_client clients[4];

    (void)state;
    wait_all(&queue, clients, "aaaa");
    for (int i = 0; i < 4; i++)
        assert_int_equal(fair_queue_next(&queue)->fd, i);
    assert_null(fair_queue_next(&queue));
}

/* A client that returns at once is queued after all others. */
static void test_returning_client_is_queued_last(void **state)
{
    static struct fair_queue queue;
    struct store_client clients[4];

    (void)state;
    wait_all(&queue, clients, "aab");
    struct store_client *first = fair_queue_next(&queue);
    fair_queue_add(&queue, first);
    take_turns(&queue, "baa");
    wait_all(&queue, clients, "abb");
    first = fair_queue_next(&queue);
    fair_queue_add(&queue, first);
    take_turns(&queue, "bab");
}

static void test_any_source(void **state)
{
    static const uint64_t sources[] = {0, 1, FAIR_QUEUE_BUCKETS - 1, FAIR_QUEUE_BUCKETS,
                                       UINT64_MAX};
    static struct fair_queue queue;
    struct store_client client;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
        client = (struct store_client){.source = sources[i]};
        fair_queue_add(&queue, &client);
        assert_ptr_equal(fair_queue_next(&queue), &client);
        assert_null(fair_queue_next(&queue));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sources_take_turns),
        cmocka_unit_test(test_clients_of_a_source_keep_their_order),
        cmocka_unit_test(test_returning_client_is_queued_last),
        cmocka_unit_test(test_any_source),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
