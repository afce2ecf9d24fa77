/*
 * A slot and the doorbell, between a daemon and a worker that are processes here.
 */
#include "base/clock.h"
#include "base/macros.h"
#include "ipc/slot.h"

#include "unit.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>

#define FEW (10 * USEC_PER_MSEC)
#define LONG (60 * USEC_PER_SEC)

static struct slot *slot;
static int doorbell;

static int setup(void **state)
{
    (void)state;
    slot = mmap(NULL, sizeof(*slot), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    doorbell = doorbell_open();
    return slot == MAP_FAILED || doorbell < 0 ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    fd_close(&doorbell);
    return munmap(slot, sizeof(*slot));
}

static bool rings(int timeout)
{
    return poll(&(struct pollfd){.fd = doorbell, .events = POLLIN}, 1, timeout) == 1;
}

/* The daemon gives a page to each. */
static void test_fits_into_a_page(void **state)
{
    (void)state;
    assert_true(sizeof(struct slot) <= 4096);
}

static void test_count(void **state)
{
    (void)state;
    slot_count(&slot->bytes_in, 5);
    slot_count(&slot->bytes_in, UINT64_MAX - 5);
    assert_true(slot->bytes_in == UINT64_MAX);
    assert_int_equal(slot->bytes_out, 0);
}

/* ---- the answer ---- */

static void test_answer_that_is_there_already(void **state)
{
    uint64_t before = clock_now();

    (void)state;
    slot_answer(slot, SLOT_REFUSED);
    slot_wait(slot, LONG);
    assert_int_equal(slot->answer, SLOT_REFUSED);
    assert_true(clock_now() - before < LONG);
}

static void test_no_answer(void **state)
{
    static const uint64_t waits[] = {0, 1, FEW, USEC_PER_SEC + 1};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(waits); i++) {
        uint64_t before = clock_now();
        slot_wait(slot, waits[i]);
        assert_true(clock_now() - before >= waits[i]);
        assert_int_equal(slot->answer, SLOT_UNANSWERED);
    }
}

/* In a worker: asks, and returns what is answered. */
static int ask(void)
{
    slot->state = SLOT_ASKING;
    if (doorbell_ring(doorbell) < 0)
        return 99;
    uint64_t deadline = clock_now() + LONG;
    while (slot->answer == SLOT_UNANSWERED && clock_now() < deadline)
        slot_wait(slot, LONG);
    return slot->answer;
}

/* Wherever it comes: before the wait begins, or within. */
static void test_ask_and_answer(void **state)
{
    (void)state;
    for (int round = 0; round < 50; round++) {
        int expected = round % 2 ? SLOT_ADMITTED : SLOT_REFUSED;
        slot->state = SLOT_STARTING;
        slot->answer = SLOT_UNANSWERED;
        pid_t pid = fork();
        if (pid == 0)
            _exit(ask());
        assert_true(rings(-1));
        doorbell_silence(doorbell);
        assert_int_equal(slot->state, SLOT_ASKING);
        if (round % 3 == 0)
            sched_yield();
        slot_answer(slot, (enum slot_answer)expected);
        assert_int_equal(child_end(pid), expected);
    }
}

static void do_nothing(int number)
{
    (void)number;
}

/* A worker that waits has to notice that it is to end. */
static void test_signal_ends_the_wait(void **state)
{
    struct sigaction action = {.sa_handler = do_nothing};
    const struct itimerspec soon = {.it_value = {.tv_nsec = 1000000},
                                    .it_interval = {.tv_nsec = 1000000}};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    uint64_t before = clock_now();
    timer_t timer;

    (void)state;
    sigaction(SIGUSR1, &action, NULL);
    assert_int_equal(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
    assert_int_equal(timer_settime(timer, 0, &soon, NULL), 0);
    slot_wait(slot, LONG);
    timer_delete(timer);
    assert_true(clock_now() - before < LONG);
}

/* ---- the doorbell ---- */

static void test_doorbell(void **state)
{
    (void)state;
    assert_int_equal(fcntl(doorbell, F_GETFD), FD_CLOEXEC);
    assert_false(rings(0));
    doorbell_silence(doorbell); /* waits for nothing */
    for (int i = 0; i < 3; i++)
        assert_int_equal(doorbell_ring(doorbell), 0);
    assert_true(rings(0));
    doorbell_silence(doorbell);
    assert_false(rings(0));
    assert_int_equal(doorbell_ring(doorbell), 0);
    assert_true(rings(0));
}

/* All processes with requests share it: one that counts it up to its limit prevents no other from
 * ringing. */
static void test_doorbell_that_is_full(void **state)
{
    const uint64_t most = UINT64_MAX - 1;

    (void)state;
    assert_int_equal(write(doorbell, &most, sizeof(most)), sizeof(most));
    assert_int_equal(doorbell_ring(doorbell), 0);
    assert_true(rings(0));
    doorbell_silence(doorbell);
    assert_false(rings(0));
}

static void test_no_doorbell(void **state)
{
    (void)state;
    assert_int_equal(doorbell_ring(-1), -EBADF);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_fits_into_a_page),
        TEST(test_count),
        TEST(test_answer_that_is_there_already),
        TEST(test_no_answer),
        TEST(test_ask_and_answer),
        TEST(test_signal_ends_the_wait),
        TEST(test_doorbell),
        TEST(test_doorbell_that_is_full),
        TEST(test_no_doorbell),
    };
    return cmocka_run_group_tests(tests, watchdog_setup, NULL);
}
