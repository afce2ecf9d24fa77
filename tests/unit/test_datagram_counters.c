/*
 * The sums of datagram workers' counters, their reports, and their handover.
 */
#include "daemon/session/datagram_counters.h"

#include "daemon/datagram/datagram_handover.h"
#include "daemon/session/counters.h"
#include "unit.h"

#include <fcntl.h>
#include <sys/resource.h>

static struct datagram_counters counted(uint64_t first)
{
    struct datagram_counters counters;

    for (size_t t = 0; t < DATAGRAM_COUNTERS; t++)
        counters.count[t] = first + t;
    return counters;
}

static void test_sums_and_differences(void **state)
{
    struct datagram_counters a = counted(5), b = counted(1000), zero = {{0}};
    struct datagram_counters less = datagram_counters_difference(&a, &b),
                             again = datagram_counters_sum(&less, &b);

    (void)state;
    assert_memory_equal(&again, &a, sizeof(a));
    less = datagram_counters_difference(&a, &a);
    assert_false(datagram_counters_any(&less));
    assert_false(datagram_counters_any(&zero));
    zero.count[DATAGRAM_COUNTERS - 1] = 1;
    assert_true(datagram_counters_any(&zero));
    assert_int_equal(datagram_counters_unanswered(&zero), 1);
    zero.count[COUNTER_IN] = zero.count[COUNTER_OUT] = 9;
    assert_int_equal(datagram_counters_unanswered(&zero), 1);
}

static void test_text(void **state)
{
    struct datagram_counters counters = {
        {[COUNTER_IN] = 4, [COUNTER_OUT] = 1, [COUNTER_BYTES_IN] = 70}};
    char text[1024] = "";

    (void)state;
    datagram_counters_format(&counters, text, sizeof(text));
    assert_string_equal(text, "4 in, 1 out, 70 bytes in, 0 out");
    counters.count[COUNTER_BYTES_IN] = counters.count[COUNTER_MESSAGES] = 1;
    text[0] = '\0';
    datagram_counters_format(&counters, text, sizeof(text));
    assert_string_equal(text, "4 in, 1 out, 1 byte in, 0 out, 1 message");
    counters.count[COUNTER_BYTES_IN] = 70;
    counters.count[COUNTER_MESSAGES] = 0;
    counters.count[COUNTER_LOW_PORT] = 2;
    counters.count[COUNTER_RATE] = 1;
    text[0] = '\0';
    datagram_counters_format(&counters, text, sizeof(text));
    assert_string_equal(text, "4 in, 1 out, 70 bytes in, 0 out; not answered: 2 from a port below "
                              "1024, 1 over the rate limit");
    /* The largest numbers fit. */
    for (size_t t = 0; t < DATAGRAM_COUNTERS; t++)
        counters.count[t] = UINT64_MAX;
    text[0] = '\0';
    datagram_counters_format(&counters, text, sizeof(text));
    assert_non_null(strstr(text, datagram_counter_clause(DATAGRAM_COUNTERS - 1)));
}

static void test_every_counter_has_a_row(void **state)
{
    bool there[DATAGRAM_COUNTERS] = {false};
    enum datagram_counter counter;

    (void)state;
    for (size_t i = 0; i < counter_count; i++) {
        if (!counter_is_datagram(&counter_table[i], &counter))
            continue;
        assert_in_range(counter, 0, DATAGRAM_COUNTERS - 1);
        assert_false(there[counter]);
        there[counter] = true;
    }
    for (size_t t = 0; t < DATAGRAM_COUNTERS; t++)
        assert_true(there[t]);
}

/* A handover preserves the counts, except that they begin at the worker's start. */
static void test_handover(void **state)
{
    struct datagram_workers before = {.slots = {.memory = -1}}, after = {.slots = {.memory = -1}};
    struct datagram_worker worker = {.job = UINT64_C(1) << 63 | 1,
                                     .pid = 4711,
                                     .server = 3,
                                     .store = 4,
                                     .slot = 1,
                                     .service = SERVICE_DISCARD,
                                     .name = "a-name",
                                     .address = "unix:/run/with blank/\\x0a 7",
                                     .ended = counted(100),
                                     .logged = counted(40)};
    char *text = NULL, *rest;
    size_t size;
    struct handover handover = {.fd = -1, .to = open_memstream(&text, &size)};

    (void)state;
    assert_int_equal(slots_open(&before.slots, 2), 0);
    datagram_workers_add(&before, &worker);
    worker.job = 0; /* it has ended, so nothing is reported */
    datagram_workers_add(&before, &worker);
    datagram_workers_save(&before, &handover);
    assert_int_equal(handover.count, 1); /* the memory */
    handover_close(&handover);
    rest = text;
    int memory = fcntl(before.slots.memory, F_DUPFD_CLOEXEC, 0);
    assert_int_equal(datagram_workers_restore_slots(strsep(&rest, "\n"), &after), 0);
    assert_int_equal(datagram_workers_restore_worker(rest, &after), 0);
    assert_ptr_equal(strchr(rest, '\n') + 1, text + size);
    after.slots.memory = memory; /* both have the same memory */
    assert_int_equal(after.count, 1);
    const struct datagram_worker *found = after.item;
    assert_true(found->job == (UINT64_C(1) << 63 | 1));
    assert_int_equal(found->pid, 4711);
    assert_int_equal(found->server, 3);
    assert_int_equal(found->store, 4);
    assert_int_equal(found->slot, 1);
    assert_int_equal(found->service, SERVICE_DISCARD);
    assert_string_equal(found->name, "a-name");
    assert_string_equal(found->address, worker.address);
    for (size_t t = 0; t < DATAGRAM_COUNTERS; t++)
        assert_int_equal(found->logged.count[t] + 60, 0);
    free(text);
    datagram_workers_close(&before);
    datagram_workers_close(&after);
}

static void test_bad_handover(void **state)
{
    static const char *const lines[] = {
        "datagram-worker", "datagram-worker 1 0 0 7 1 0 a",
        "datagram-worker 1 0 0 7 1 0 a 1 2 3 unix\n",
        "datagram-worker 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 x\n",
        "datagram-worker 1 9 0 7 1 0 a 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 x\n"};
    struct datagram_workers datagrams = {.slots = {.memory = -1}};

    (void)state;
    assert_int_equal(slots_open(&datagrams.slots, 1), 0);
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
        assert_int_equal(datagram_workers_restore_worker(lines[i], &datagrams), -EPROTO);
    assert_int_equal(datagram_workers_restore_slots("datagram-slots 1", &datagrams), -EPROTO);
    datagram_workers_close(&datagrams);
}

/* Growing fails beyond the file size limit. */
static void test_slots_that_cannot_grow(void **state)
{
    struct slots slots = {.memory = -1}, others = {.memory = -1};
    struct rlimit usual;

    (void)state;
    assert_int_equal(slots_open(&slots, 1), 0);
    slots_take(&slots, 0)->bytes_in = 4711;
    getrlimit(RLIMIT_FSIZE, &usual);
    void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){slots.page, usual.rlim_max});
    assert_int_equal(slots_resize(&slots, 100), -EFBIG);
    int r = slots_open(&others, 100);
    setrlimit(RLIMIT_FSIZE, &usual);
    signal(SIGXFSZ, before);
    assert_int_equal(slots.count, 1); /* the previous slots still exist */
    assert_int_equal(slots_at(&slots, 0)->bytes_in, 4711);
    assert_int_equal(r, -EFBIG);
    assert_int_equal(others.count, 0);
    assert_int_equal(slots_resize(&others, 100), 0); /* it can grow later */
    assert_int_equal(slots_take(&others, 99)->bytes_in, 0);
    slots_close(&slots);
    slots_close(&others);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums_and_differences),    cmocka_unit_test(test_text),
        cmocka_unit_test(test_every_counter_has_a_row), cmocka_unit_test(test_handover),
        cmocka_unit_test(test_slots_that_cannot_grow),  cmocka_unit_test(test_bad_handover),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
