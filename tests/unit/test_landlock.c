/*
 * Landlock, in children that nothing frees again.
 */
#include "forkserver/landlock.h"

#include "unit.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/un.h>

/* In a child: exits with the number of the line that fails. */
#define hold(claim)                                                                                \
    do {                                                                                           \
        if (!(claim))                                                                              \
            _exit(__LINE__ & 0xff);                                                                \
    } while (0)

/* In a child. Returns the ABI version. */
static int forbid(void)
{
    hold(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    int abi = landlock_forbid_all();
    hold(abi > 0);
    return abi;
}

/* Returns the ABI version of this kernel, or -errno. */
static int version(void)
{
    int ends[2], abi = 0;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        abi = landlock_forbid_all();
        _exit(write(ends[1], &abi, sizeof(abi)) != sizeof(abi));
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &abi, sizeof(abi)), sizeof(abi));
    close(ends[0]);
    assert_int_equal(child_end(pid), 0);
    return abi;
}

static bool there_is_none(void)
{
    int abi = version();

    assert_true(abi > 0 || abi == -ENOSYS || abi == -EOPNOTSUPP);
    return abi < 0;
}

/* Runs ACT in a child, in which no line may fail. */
static void in_a_child(void (*act)(void))
{
    pid_t pid = fork();

    if (pid == 0) {
        act();
        _exit(0);
    }
    int line = child_end(pid);
    if (line)
        fail_msg("line %d, or %d more, does not hold", line, 256);
}

/* ---- files ---- */

static bool is_forbidden(int result)
{
    return result < 0 && errno == EACCES;
}

static void try_files(void)
{
    int open_before = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    char byte;

    write_file("there", "x", 1);
    forbid();
    hold(is_forbidden(open("there", O_RDONLY | O_CLOEXEC)));
    hold(is_forbidden(open("there", O_WRONLY | O_CLOEXEC)));
    hold(is_forbidden(open("new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600)));
    hold(is_forbidden(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
    hold(is_forbidden(open("/proc/self/mem", O_RDWR | O_CLOEXEC)));
    hold(is_forbidden(mkdir("directory", 0700)));
    hold(is_forbidden(unlink("there")));
    hold(is_forbidden(rename("there", "here")));
    hold(is_forbidden(symlink("there", "link")));
    hold(is_forbidden(mknod("pipe", S_IFIFO | 0600, 0)));
    hold(is_forbidden(execv("/bin/true", (char *[]){(char *)"true", NULL})));
    hold(read(open_before, &byte, 1) == 1); /* open files stay readable */
}

static void test_files(void **state)
{
    (void)state;
    if (there_is_none())
        cannot_run("this kernel has no Landlock");
    in_a_child(try_files);
    assert_int_equal(access("there", F_OK), 0);
    assert_int_equal(access("new", F_OK), -1);
}

/* ---- still permitted ---- */

static void try_own(void)
{
    int pair[2], file = memfd_create("test", MFD_CLOEXEC);
    char byte;

    hold(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    forbid();
    hold(send(pair[0], "x", 1, 0) == 1);
    hold(recv(pair[1], &byte, 1, 0) == 1);
    hold(mmap(NULL, 1, PROT_READ, MAP_SHARED, file, 0) != MAP_FAILED);
    hold(kill(getpid(), 0) == 0);
    pid_t child = fork();
    if (child == 0)
        _exit(is_forbidden(open("/", O_RDONLY | O_CLOEXEC)) ? 0 : 1);
    hold(child > 0 && child_end(child) == 0); /* and is inherited */
}

static void test_what_it_has(void **state)
{
    (void)state;
    if (there_is_none())
        cannot_run("this kernel has no Landlock");
    in_a_child(try_own);
}

/* ---- the network ---- */

static int connect_to(int listener)
{
    struct sockaddr_storage to;
    socklen_t len = sizeof(to);
    int fd;

    hold(getsockname(listener, (struct sockaddr *)&to, &len) == 0);
    fd = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    hold(fd >= 0);
    return connect(fd, (struct sockaddr *)&to, len);
}

static int listen_at(const void *address, socklen_t len)
{
    const struct sockaddr *to = address;
    int fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    hold(bind(fd, to, len) == 0 && listen(fd, 1) == 0);
    return fd;
}

static void try_tcp(void)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int listener = listen_at(&in, sizeof(in));

    hold(connect_to(listener) == 0);
    forbid();
    hold(is_forbidden(connect_to(listener)));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    hold(is_forbidden(bind(fd, (struct sockaddr *)&in, sizeof(in))));
}

static void test_tcp_ports(void **state)
{
    (void)state;
    if (version() < 4)
        cannot_run("this kernel's Landlock knows no TCP ports");
    in_a_child(try_tcp);
}

/* ---- others ---- */

static void try_abstract_sockets(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int listener = listen_at(&address, sizeof(sa_family_t)); /* the kernel gives it a name */

    hold(connect_to(listener) == 0);
    forbid();
    hold(connect_to(listener) == 0); /* a sender that is bound to one must get an answer */
}

static void try_signals(void)
{
    pid_t parent = getppid();

    hold(kill(parent, 0) == 0);
    forbid();
    hold(kill(parent, 0) < 0 && errno == EPERM);
}

static void test_abstract_sockets_and_signals(void **state)
{
    (void)state;
    if (version() < 6)
        cannot_run("this kernel's Landlock knows no abstract sockets and signals");
    in_a_child(try_abstract_sockets);
    in_a_child(try_signals);
}

/* ---- again ---- */

static void try_twice(void)
{
    int abi = forbid(), before = dup(0);

    close(before);
    hold(landlock_forbid_all() == abi);
    hold(dup(0) == before); /* no descriptor is leaked */
}

static void test_twice(void **state)
{
    (void)state;
    if (there_is_none())
        cannot_run("this kernel has no Landlock");
    in_a_child(try_twice);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_files, temp_setup, temp_teardown),
        cmocka_unit_test(test_what_it_has),
        cmocka_unit_test(test_tcp_ports),
        cmocka_unit_test(test_abstract_sockets_and_signals),
        cmocka_unit_test(test_twice),
    };
    return cmocka_run_group_tests(tests, watchdog_setup, NULL);
}
