#include "forkserver/syscalls.h"

#include "base/macros.h"
#include "forkserver/spawn.h"

#include <linux/futex.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83
#endif

#define ALL UINT64_C(0xffffffffffffffff)
#define INT UINT64_C(0xffffffff) /* the bits of an argument that the kernel uses as an int */
#define ONE(a, m, v) .check = {{a, m, v}}, .checks = 1
#define TWO(a, m, v, b, n, w) .check = {{a, m, v}, {b, n, w}}, .checks = 2
#define OPTION(level, name) TWO(1, INT, level, 2, INT, name)
#if defined(__s390__)
#define CLONE_FLAGS 1
#else
#define CLONE_FLAGS 0
#endif

/* Frequent calls have no argument checks, because the kernel then caches that they are allowed. */
const struct syscall_row syscall_table[] = {
    /* -- a client's bytes -- */
    {"recvfrom", "from a client; the answer of the scribe", .checks = 0},
    {"sendto", "to a client", .checks = 0},
    {"recvmmsg", "datagrams", .checks = 0},
    {"sendmmsg", "their answers", .checks = 0},
    {"sendmsg", "reports; a message to the scribe", .checks = 0},
    {"recvmsg", "jobs", .checks = 0},
    {"poll", "waiting for any of these", .checks = 0},
    {"ppoll", "the same, and SIGTERM", .checks = 0},
    {"shutdown", "the end of our answers; SIGTERM", .checks = 0},
    {"write", "the doorbell", .checks = 0},
    {"futex", "waiting for the daemon's answer", ONE(1, INT, FUTEX_WAIT)},
    /* -- a socket -- */
    {"getsockname", "whoami; whether a datagram socket is a Unix socket", .checks = 0},
    {"getsockopt", "whoami; whether it has packets; TCP_INFO at the end", .checks = 0},
    {"setsockopt", "time limits", OPTION(SOL_SOCKET, SO_RCVTIMEO)},
    {"setsockopt", "time limits", OPTION(SOL_SOCKET, SO_SNDTIMEO)},
    {"setsockopt", "urgent data is data", OPTION(SOL_SOCKET, SO_OOBINLINE)},
    {"setsockopt", "no passed descriptors", OPTION(SOL_SOCKET, SO_PASSRIGHTS)},
    {"setsockopt", "no Nagle algorithm", OPTION(IPPROTO_TCP, TCP_NODELAY)},
    {"ioctl", "how much has come already", ONE(1, INT, FIONREAD)},
    {"ioctl", "the name of an interface, for link-local addresses", ONE(1, INT, SIOCGIFNAME)},
    /* -- the life of a worker -- */
    {"clone", "a worker", ONE(CLONE_FLAGS, ALL, SPAWN_FLAGS)},
    {"mmap", "its slot, in the place for it",
     .check = {{0, ALL, SYSCALL_SLOT_ADDRESS},
               {2, INT, PROT_READ | PROT_WRITE},
               {3, INT, MAP_SHARED | MAP_FIXED | MAP_POPULATE}},
     .checks = 3},
    {"prctl", "to end with its parent", TWO(0, INT, PR_SET_PDEATHSIG, 1, ALL, SIGTERM)},
    {"getppid", "whether that is still there", .checks = 0},
    {"dup3", "its descriptors, from 0 on", .checks = 0},
    {"close_range", "all others", .checks = 0},
    {"close", "the same; a job that is handed on", .checks = 0},
    {"prlimit64", "no process of its own", TWO(0, INT, 0, 1, INT, RLIMIT_NPROC)},
    {"prlimit64", "no descriptor", TWO(0, INT, 0, 1, INT, RLIMIT_NOFILE)},
    {"wait4", "its end", .checks = 0},
    {"rt_sigtimedwait", "the same; SIGTERM of a datagram worker", .checks = 0},
    {"pread64", "a job that is long", .checks = 0},
    /* -- signals -- */
    {"rt_sigprocmask", "SIGTERM; SIGALRM", .checks = 0},
    {"rt_sigaction", "a timer around passed descriptors", ONE(0, INT, SIGALRM)},
    {"setitimer", "the same", .checks = 0},
    {"rt_sigreturn", "the end of a handler", .checks = 0},
    {"restart_syscall", "a call that a signal interrupted", .checks = 0},
    {"exit_group", "the reason", .checks = 0},
    /* -- what libc does by itself -- */
    {"brk", "memory", .checks = 0},
    {"mmap", "memory", TWO(2, PROT_EXEC, 0, 3, MAP_ANONYMOUS | MAP_SHARED, MAP_ANONYMOUS)},
    {"munmap", "memory", .checks = 0},
    {"madvise", "memory that workers are forked without", ONE(2, INT, MADV_DONTFORK)},
    {"madvise", "memory that libc gives back", ONE(2, INT, MADV_DONTNEED)},
    {"clock_gettime", "where the vDSO has no clock", .checks = 0},
    {"gettimeofday", "the same", .checks = 0},
    {"time", "the same", .checks = 0},
    {"getrandom", "seeds", .checks = 0},
    {"uname", "whoami: the name of the host", .checks = 0},
    {"getpid", "whoami", .checks = 0},
    {"gettid", "abort(3)", .checks = 0},
    {"writev", "abort(3): its last words, to no descriptor", .checks = 0},
};
const size_t syscall_count = ARRAY_SIZE(syscall_table);
