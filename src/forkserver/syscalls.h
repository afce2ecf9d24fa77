/*
 * The system calls that fork server and workers may make.
 */
#ifndef ECHOD_FORKSERVER_SYSCALLS_H
#define ECHOD_FORKSERVER_SYSCALLS_H

#include <stddef.h>
#include <stdint.h>

/* A check of an argument. A call is permitted if each check of one of its rows holds. */
struct syscall_check {
    unsigned argument; /* from 0 */
    uint64_t mask;     /* the bits that are compared */
    uint64_t value;
};
#define SYSCALL_CHECKS 4
struct syscall_row {
    const char *name; /* as in syscalls(2); ignored if this architecture lacks it */
    const char *why;
    struct syscall_check check[SYSCALL_CHECKS];
    size_t checks;
};

extern const struct syscall_row syscall_table[];
extern const size_t syscall_count;

/* In place of a value: the address at which workers have their slot, known as the program runs. */
#define SYSCALL_SLOT_ADDRESS UINT64_MAX

#endif
