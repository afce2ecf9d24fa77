#include "borrowed.h"

#include <errno.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define STACK_SIZE ((size_t)512 * 1024)

struct call {
    int (*function)(const void *);
    const void *argument;
    int result;
};

/* Whatever the function has forbidden, exit_group(2) is permitted. */
static int run(void *context)
{
    struct call *call = context;

    call->result = call->function(call->argument);
    syscall(SYS_exit_group, 0);
    return 0;
}

int borrowed_run(int (*function)(const void *), const void *argument)
{
    struct call call = {.function = function, .argument = argument, .result = -EAGAIN};
    char *stack =
        mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (stack == MAP_FAILED)
        return -EAGAIN;
    /* No signal reports its end, as with workers. */
    pid_t pid = clone(run, stack + STACK_SIZE, CLONE_VM | CLONE_VFORK, &call);
    if (pid > 0)
        waitpid(pid, NULL, __WALL);
    munmap(stack, STACK_SIZE);
    return call.result;
}
