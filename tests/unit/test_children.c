/*
 * The table of workers, compared with a simple model.
 */
#include "base/memory.h"
#include "forkserver/children.h"

#include "unit.h"

#include <sys/mman.h>

#define SEED UINT64_C(20240229)

static uint64_t dice(void)
{
    static uint64_t x = SEED;

    x ^= x << 13; /* xorshift64 */
    x ^= x >> 7;
    return x ^= x << 17;
}

static void add(struct children *children, pid_t pid, uint64_t job)
{
    assert_int_equal(children_reserve(children), 0);
    children_add(children, pid, job);
}

static void forget(struct children *children)
{
    munmap(children->place, children->room * sizeof(struct child));
}

static void test_empty(void **state)
{
    struct children children = {0};

    (void)state;
    assert_int_equal(children_remove(&children, 1), 0);
    assert_int_equal(children_reserve(&children), 0);
    assert_int_equal(children_remove(&children, 1), 0);
    assert_int_equal(children.live, 0);
    forget(&children);
}

static void test_each_is_found_once(void **state)
{
    struct children children = {0};

    (void)state;
    add(&children, 7, UINT64_MAX);
    add(&children, 8, 1);
    assert_int_equal(children.live, 2);
    assert_int_equal(children_remove(&children, 9), 0);
    assert_true(children_remove(&children, 7) == UINT64_MAX);
    assert_int_equal(children_remove(&children, 7), 0);
    assert_int_equal(children_remove(&children, 8), 1);
    assert_int_equal(children.live, 0);
    forget(&children);
}

/* Process IDs with the same home place, removed in every order: none is lost behind a hole. */
static void test_collisions(void **state)
{
    enum { MANY = 5, STEP = 1 << 20 };

    (void)state;
    for (int order = 0; order < MANY * MANY * MANY; order++) {
        struct children children = {0};
        pid_t first = order % 3 == 0 ? STEP - 2 : 1; /* also one that wraps around */
        for (int i = 0; i < MANY; i++)
            add(&children, first + (i % 2) + i * STEP, (uint64_t)i + 1);
        bool gone[MANY] = {false};
        for (int i = 0, o = order; i < 3; i++, o /= MANY) {
            uint64_t job = children_remove(&children, first + (o % MANY % 2) + o % MANY * STEP);
            assert_int_equal(job, gone[o % MANY] ? 0 : (uint64_t)(o % MANY) + 1);
            gone[o % MANY] = true;
        }
        for (int i = 0; i < MANY; i++)
            assert_int_equal(children_remove(&children, first + (i % 2) + i * STEP),
                             gone[i] ? 0 : (uint64_t)i + 1);
        assert_int_equal(children.live, 0);
        forget(&children);
    }
}

/* The table grows before it is full, and keeps all entries. */
static void test_grows(void **state)
{
    enum { MANY = 20000 };
    struct children children = {0};

    (void)state;
    for (pid_t pid = 1; pid <= MANY; pid++) {
        add(&children, pid, (uint64_t)pid * 3);
        assert_true(2 * children.live <= children.room);
    }
    for (pid_t pid = MANY; pid >= 1; pid--)
        assert_int_equal(children_remove(&children, pid), (uint64_t)pid * 3);
    assert_int_equal(children.live, 0);
    forget(&children);
}

/* ---- at random ---- */

/* A process ID: consecutive, as the kernel assigns them, or sparse. */
static pid_t any_pid(size_t index, bool sparse)
{
    return sparse ? (pid_t)(index * 65536 + index % 3 + 1) : (pid_t)index + 1;
}

static void change_and_compare(size_t pids, size_t rounds, bool sparse)
{
    uint64_t *jobs = memory_zeroed(pids, sizeof(*jobs)), last = 0;
    struct children children = {0};
    size_t live = 0;

    for (size_t round = 0; round < rounds; round++) {
        size_t index = dice() % pids;
        pid_t pid = any_pid(index, sparse);
        /* Alternates between mostly adding and mostly removing. */
        bool adds = dice() % 4 < (round / pids % 2 ? 1 : 3);
        if (adds && jobs[index] == 0) {
            jobs[index] = ++last;
            add(&children, pid, last);
            live++;
        } else if (!adds) {
            assert_int_equal(children_remove(&children, pid), jobs[index]);
            live -= jobs[index] != 0;
            jobs[index] = 0;
        }
        assert_int_equal(children.live, live);
    }
    for (size_t index = 0; index < pids; index++)
        assert_int_equal(children_remove(&children, any_pid(index, sparse)), jobs[index]);
    forget(&children);
    free(jobs);
}

static void test_random_changes_agree_with_an_account(void **state)
{
    (void)state;
    print_message("seed %llu\n", (unsigned long long)SEED);
    for (int sparse = 0; sparse < 2; sparse++) {
        change_and_compare(10, 5000, sparse);
        change_and_compare(700, 50000, sparse);
        change_and_compare(5000, 100000, sparse);
    }
}

/* A worker must not know the other workers. */
static void test_is_not_inherited(void **state)
{
    struct children children = {0};
    unsigned char page;

    (void)state;
    add(&children, 7, 1);
    pid_t pid = fork();
    if (pid == 0)
        _exit(mincore(children.place, 1, &page) < 0 && errno == ENOMEM ? 0 : 1);
    assert_int_equal(child_end(pid), 0);
    assert_int_equal(children_remove(&children, 7), 1);
    forget(&children);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_each_is_found_once),
        cmocka_unit_test(test_collisions),
        cmocka_unit_test(test_grows),
        cmocka_unit_test(test_random_changes_agree_with_an_account),
        cmocka_unit_test(test_is_not_inherited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
