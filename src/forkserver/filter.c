#include "forkserver/filter.h"

#include "config.h"

#include "forkserver/syscalls.h"

#include <errno.h>
#include <malloc.h>
#include <seccomp.h>
#include <stdbool.h>

/* With COVERAGE this is called by a process that ends at once (tests/coverage/filter.c). */
#if defined RELAXED_SANDBOX && !defined COVERAGE
#define RELAXED true
#else
#define RELAXED false
#endif

static struct scmp_arg_cmp compare(const struct syscall_check *check, const void *slot_page)
{
    bool slot = check->value == SYSCALL_SLOT_ADDRESS;

    return (struct scmp_arg_cmp){.arg = check->argument,
                                 .op = SCMP_CMP_MASKED_EQ,
                                 .datum_a = check->mask,
                                 .datum_b = slot ? (uintptr_t)slot_page : check->value};
}

/* Returns 0 or -errno. */
static int add(scmp_filter_ctx filter, const struct syscall_row *row, const void *slot_page)
{
    int number = seccomp_syscall_resolve_name(row->name);
    struct scmp_arg_cmp compared[SYSCALL_CHECKS];

    /* Other negative numbers are pseudo-calls of libseccomp: multiplexed ones (socketcall(2)), or
     * those that this architecture lacks, which seccomp_rule_add(3) ignores. */
    if (number == __NR_SCMP_ERROR)
        return 0;
    for (size_t i = 0; i < row->checks; i++)
        compared[i] = compare(&row->check[i], slot_page);
    return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number, (unsigned)row->checks, compared);
}

int filter_load(const void *slot_page)
{
    if (RELAXED)
        return -EOPNOTSUPP;
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_TRAP);
    int r = filter ? 0 : -ENOMEM;

    for (size_t i = 0; i < syscall_count && r == 0; i++)
        r = add(filter, &syscall_table[i], slot_page);
    if (r == 0)
        r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (r == 0)
        r = seccomp_attr_set(filter, SCMP_FLTATR_API_SYSRAWRC, 1);
    if (r == 0)
        r = seccomp_load(filter);
    seccomp_release(filter);
    malloc_trim(0); /* each fork would copy the page tables of the freed memory */
    return r;
}
