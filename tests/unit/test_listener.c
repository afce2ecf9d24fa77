#include "base/clock.h"
#include "base/macros.h"
#include "net/listener.h"

#include "net/socket_file.h"

#include "unit.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static char reason[NET_REASON_MAX];

static struct address numeric(const char *host, uint16_t port)
{
    struct address a;

    assert_int_equal(address_numeric(&a, host, port), 0);
    return a;
}

/* The address of the file NAME in the test's directory. */
static struct address file_address(const char *name)
{
    struct address a;
    char path[100];

    snprintf(path, sizeof(path), "%s/%s", temp_dir(), name);
    assert_int_equal(address_unix(&a, path), 0);
    return a;
}

static int opens(const struct address *address)
{
    int fd = listener_open(address, SOCK_STREAM, 0666, reason);

    if (fd < 0)
        fail_msg("%s", reason);
    return fd;
}

static void accepts(int fd, const struct address *address)
{
    int client = socket(address->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(connect(client, &address->sa, address->len), 0);
    int served = accept(fd, NULL, NULL);
    assert_true(served >= 0);
    close(served);
    close(client);
}

static void test_opens_on_a_port_of_the_kernel(void **state)
{
    struct address asked = numeric("127.0.0.1", 0), own;
    int fd = opens(&asked);

    (void)state;
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    assert_int_equal(accept(fd, NULL, NULL), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(address_local(&own, fd), 0);
    assert_int_not_equal(address_port(&own), 0);
    accepts(fd, &own);
    close(fd);
}

static void test_in_use(void **state)
{
    struct address asked = numeric("127.0.0.1", 0), own;
    int fd = opens(&asked);

    (void)state;
    address_local(&own, fd);
    assert_int_equal(listener_open(&own, SOCK_STREAM, 0, reason), -EADDRINUSE);
    assert_non_null(strstr(reason, "127.0.0.1:"));
    assert_non_null(strstr(reason, "in use"));
    close(fd);
}

/* Connections of a previous server do not occupy its port. */
static void test_port_of_the_server_before(void **state)
{
    struct address asked = numeric("127.0.0.1", 0), own;
    int fd = opens(&asked), client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    address_local(&own, fd);
    assert_int_equal(connect(client, &own.sa, own.len), 0);
    int served = accept(fd, NULL, NULL);
    close(served); /* the server closes first, so TIME_WAIT is on its side */
    close(client);
    close(fd);
    close(opens(&own));
}

static void test_not_of_this_machine(void **state)
{
    struct address elsewhere = numeric("192.0.2.1", 0);

    (void)state;
    assert_int_equal(listener_open(&elsewhere, SOCK_STREAM, 0, reason), -EADDRNOTAVAIL);
    assert_non_null(strstr(reason, "192.0.2.1:0"));
}

/* A port that is free for IPv4 and IPv6, and that the kernel chooses for nobody else while *FD is
 * open: it is bound, but does not listen. */
static uint16_t reserve_port(int *fd)
{
    struct address any = numeric("::", 0);
    int on = 1, off = 0;

    *fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
    assert_int_equal(setsockopt(*fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)), 0);
    assert_int_equal(bind(*fd, &any.sa, any.len), 0);
    address_local(&any, *fd);
    return address_port(&any);
}

static void test_both_families_on_one_port(void **state)
{
    int reservation;

    (void)state;
    if (!ipv6_works())
        cannot_run("this machine has no IPv6");
    struct address six = numeric("::", reserve_port(&reservation));
    struct address four = numeric("0.0.0.0", address_port(&six));
    int fd6 = opens(&six);
    int fd4 = opens(&four);
    struct address loopback = numeric("127.0.0.1", address_port(&six));
    accepts(fd4, &loopback);
    loopback = numeric("::1", address_port(&six));
    accepts(fd6, &loopback);
    close(fd4);
    close(fd6);
    close(reservation);
}

static void test_both_families_by_one_socket(void **state)
{
    static const struct {
        const char *host;
        bool dual;
    } cases[] = {
        {"::", true}, {"1::", false}, {"0:0:1::", false}, {"::1:0:0", false}, {"::1", false}};
    const int on = 1, off = 0;

    (void)state;
    if (!ipv6_works())
        cannot_run("this machine has no IPv6");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct address address = numeric(cases[i].host, 0);
        int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof(on)), 0);
        assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)), 0);
        assert_int_equal(bind(fd, &address.sa, address.len), 0);
        assert_int_equal(listener_examine(fd).dual, cases[i].dual);
        close(fd);
    }
}

/* ---- shared UDP ports ---- */

#define TRIED (LISTENER_REUSE_PORT | LISTENER_TRIAL)
#define DATAGRAMS 64

static int opens_datagrams(struct address *address, unsigned mode)
{
    int fd = listener_open(address, SOCK_DGRAM, mode, reason);

    if (fd < 0)
        fail_msg("%s", reason);
    if (address_port(address) == 0)
        address_local(address, fd);
    return fd;
}

/* Sends from many ports, which the kernel would distribute among sharers of ADDRESS: FD gets all.
 */
static void gets_all_datagrams(int fd, const struct address *address)
{
    int sender[DATAGRAMS];
    char byte;

    for (int i = 0; i < DATAGRAMS; i++) {
        sender[i] = socket(address->sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        assert_int_equal(sendto(sender[i], "x", 1, 0, &address->sa, address->len), 1);
    }
    for (int i = 0; i < DATAGRAMS; i++) {
        assert_int_equal(recv(fd, &byte, 1, 0), 1);
        close(sender[i]);
    }
}

static void test_a_trial_takes_no_datagrams(void **state)
{
    static const char *const pairs[][2] = {
        {"127.0.0.1", "127.0.0.1"}, {"0.0.0.0", "127.0.0.1"}, {"::1", "::1"}, {"::", "::1"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(pairs) && (i < 2 || ipv6_works()); i++) {
        struct address own = numeric(pairs[i][0], 0), to = numeric(pairs[i][1], 0);
        int serving = opens_datagrams(&own, LISTENER_REUSE_PORT);
        int tried = opens_datagrams(&own, TRIED);
        address_set_port(&to, address_port(&own));
        gets_all_datagrams(serving, &to);
        close(tried);
        close(serving);
    }
}

static void test_a_trial_reports_unavailable_addresses(void **state)
{
    struct address alone = numeric("127.0.0.1", 0), elsewhere = numeric("192.0.2.1", 7777);
    int fd = opens_datagrams(&alone, 0);

    (void)state;
    assert_int_equal(listener_open(&alone, SOCK_DGRAM, TRIED, reason), -EADDRINUSE);
    assert_non_null(strstr(reason, "reuse_port = yes"));
    assert_int_equal(listener_open(&elsewhere, SOCK_DGRAM, TRIED, reason), -EADDRNOTAVAIL);
    assert_string_equal(reason, "192.0.2.1:7777 is not an address of this machine");
    struct address other = numeric("127.0.0.2", address_port(&alone));
    int tried = opens_datagrams(&other, TRIED); /* an unused one */
    close(tried);
    close(fd);
}

static void test_why_there_is_no_socket(void **state)
{
    static const unsigned modes[] = {0, TRIED};
    struct address any = numeric("127.0.0.1", 7777);
    struct rlimit limit, none;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = limit.rlim_max};
    for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
        int r = listener_open(&any, SOCK_DGRAM, modes[i], reason);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
        assert_int_equal(r, -EMFILE);
    }
}

static void test_unix_file_and_its_mode(void **state)
{
    static const mode_t modes[] = {0666, 0600, 0000, 0777, 0060}, masks[] = {0, 022, 0777};
    struct address file = file_address("mode");
    struct stat st;

    (void)state;
    for (size_t m = 0; m < ARRAY_SIZE(modes); m++) {
        for (size_t u = 0; u < ARRAY_SIZE(masks); u++) {
            mode_t saved = umask(masks[u]);
            int fd = listener_open(&file, SOCK_STREAM, modes[m], reason);
            assert_true(fd >= 0);
            assert_int_equal(umask(saved), masks[u]); /* unchanged */
            assert_int_equal(stat(file.un.sun_path, &st), 0);
            assert_int_equal(st.st_mode, S_IFSOCK | modes[m]);
            assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
            assert_int_equal(unlink(file.un.sun_path), 0);
            close(fd);
        }
    }
}

static void test_file_of_a_server_that_is_gone(void **state)
{
    struct address file = file_address("stale");

    (void)state;
    close(opens(&file)); /* the file remains */
    int fd = opens(&file);
    accepts(fd, &file);
    close(fd);
}

#define RACERS 3
#define RACES 100

/* In a child: opens ADDRESS at the time START, as all others do, writes the result to RESULTS,
 * and waits to be killed. */
static void race(const struct address *address, uint64_t start, int results)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* in case the test fails */
    while (clock_now() < start)
        continue;
    int fd = listener_open(address, SOCK_STREAM, 0666, reason), r = fd < 0 ? fd : 0;
    if (write(results, &r, sizeof(r)) == sizeof(r))
        pause();
    _exit(1);
}

/* Returns how many of the racers for ADDRESS listen there in the end. */
static size_t count_winners(const struct address *address)
{
    uint64_t start = clock_now() + 2 * USEC_PER_MSEC;
    pid_t children[RACERS];
    size_t winners = 0;
    int results[2], r;

    assert_int_equal(pipe(results), 0);
    for (size_t i = 0; i < RACERS; i++) {
        children[i] = fork();
        if (children[i] == 0)
            race(address, start, results[1]);
    }
    for (size_t i = 0; i < RACERS; i++) {
        assert_int_equal(read(results[0], &r, sizeof(r)), sizeof(r));
        assert_true(r == 0 || r == -EADDRINUSE);
        winners += r == 0;
    }
    for (size_t i = 0; i < RACERS; i++) {
        kill(children[i], SIGKILL);
        child_end(children[i]);
    }
    close(results[0]);
    close(results[1]);
    return winners;
}

static void test_many_at_once_where_a_server_is_gone(void **state)
{
    struct address file = file_address("race");

    (void)state;
    for (int i = 0; i < RACES; i++) {
        close(opens(&file)); /* the file remains, as after the winner is killed */
        assert_int_equal(count_winners(&file), 1);
        assert_int_equal(access("race", F_OK), 0);
        assert_int_equal(access("race.lock", F_OK), -1);
    }
}

static void test_the_lock_of_a_file(void **state)
{
    struct address file = file_address("locked");
    int lock = socket_file_lock(&file);

    (void)state;
    assert_true(lock >= 0);
    assert_int_equal(fcntl(lock, F_GETFD), FD_CLOEXEC);
    assert_int_equal(socket_file_lock(&file), -EADDRINUSE);
    assert_int_equal(listener_open(&file, SOCK_STREAM, 0666, reason), -EADDRINUSE);
    assert_int_equal(access("locked", F_OK), -1);
    socket_file_unlock(&file, &lock);
    assert_int_equal(lock, -1);
    close(opens(&file));
    write_file("locked.lock", "", 0); /* left by a killed server */
    close(opens(&file));
    assert_int_equal(access("locked.lock", F_OK), -1);
}

/* Any other file with the name of the lock is kept, and is an error. */
static void test_what_is_no_lock(void **state)
{
    struct address file = file_address("kept"), other = file_address("kept.lock");
    struct stat st;

    (void)state;
    write_file("kept.lock", "theirs", 6);
    assert_int_equal(listener_open(&file, SOCK_STREAM, 0666, reason), -EEXIST);
    assert_non_null(strstr(reason, ".lock"));
    assert_int_equal(stat("kept.lock", &st), 0);
    assert_int_equal(st.st_size, 6);
    unlink("kept.lock");
    int fd = opens(&other);
    assert_int_equal(listener_open(&file, SOCK_STREAM, 0666, reason), -EEXIST);
    accepts(fd, &other);
    close(fd);
    unlink("kept.lock");
    assert_int_equal(symlink("elsewhere", "kept.lock"), 0);
    assert_int_equal(listener_open(&file, SOCK_STREAM, 0666, reason), -EEXIST);
    assert_int_equal(access("elsewhere", F_OK), -1);
    unlink("kept.lock");
    close(opens(&file));
}

static void test_file_of_a_living_server(void **state)
{
    struct address file = file_address("living");
    int fd = opens(&file);

    (void)state;
    assert_int_equal(listener_open(&file, SOCK_STREAM, 0666, reason), -EADDRINUSE);
    assert_non_null(strstr(reason, file.un.sun_path));
    close(accept(fd, NULL, NULL)); /* the check whether it is alive */
    accepts(fd, &file);
    close(fd);
}

static void test_file_of_a_server_with_a_full_backlog(void **state)
{
    struct address file = file_address("busy");
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), clients[8];
    size_t count = 0;

    (void)state;
    assert_int_equal(bind(fd, &file.sa, file.len), 0);
    assert_int_equal(listen(fd, 0), 0);
    do {
        assert_true(count < ARRAY_SIZE(clients));
        clients[count] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    } while (connect(clients[count++], &file.sa, file.len) == 0);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(listener_open(&file, SOCK_STREAM, 0666, reason), -EADDRINUSE);
    while (count > 0)
        close(clients[--count]);
    close(fd);
}

static void test_file_that_is_no_socket(void **state)
{
    struct address file = file_address("regular"), link = file_address("link");
    struct stat st;

    (void)state;
    write_file("regular", "precious", 8);
    assert_int_equal(listener_open(&file, SOCK_STREAM, 0666, reason), -ENOTSOCK);
    assert_int_equal(stat("regular", &st), 0);
    assert_int_equal(st.st_size, 8);
    assert_int_equal(symlink("regular", "link"), 0);
    assert_int_equal(listener_open(&link, SOCK_STREAM, 0666, reason), -ENOTSOCK);
    assert_int_equal(lstat("link", &st), 0);
}

static void test_no_such_directory(void **state)
{
    struct address file = file_address("none/x");

    (void)state;
    assert_int_equal(listener_open(&file, SOCK_STREAM, 0666, reason), -ENOENT);
    assert_non_null(strstr(reason, "none/x"));
}

static void test_abstract(void **state)
{
    struct address name;
    char text[64];

    (void)state;
    snprintf(text, sizeof(text), "@echod-unit-%d", (int)getpid());
    assert_int_equal(address_unix(&name, text), 0);
    int fd = opens(&name);
    accepts(fd, &name);
    assert_int_equal(listener_open(&name, SOCK_STREAM, 0666, reason), -EADDRINUSE);
    close(fd);
    close(opens(&name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_opens_on_a_port_of_the_kernel),
        cmocka_unit_test(test_in_use),
        cmocka_unit_test(test_port_of_the_server_before),
        cmocka_unit_test(test_not_of_this_machine),
        cmocka_unit_test(test_both_families_on_one_port),
        cmocka_unit_test(test_both_families_by_one_socket),
        cmocka_unit_test(test_a_trial_takes_no_datagrams),
        cmocka_unit_test(test_a_trial_reports_unavailable_addresses),
        cmocka_unit_test(test_why_there_is_no_socket),
        cmocka_unit_test(test_unix_file_and_its_mode),
        cmocka_unit_test(test_file_of_a_server_that_is_gone),
        cmocka_unit_test(test_many_at_once_where_a_server_is_gone),
        cmocka_unit_test(test_the_lock_of_a_file),
        cmocka_unit_test(test_what_is_no_lock),
        cmocka_unit_test(test_file_of_a_living_server),
        cmocka_unit_test(test_file_that_is_no_socket),
        cmocka_unit_test(test_no_such_directory),
        cmocka_unit_test(test_abstract),
        cmocka_unit_test(test_file_of_a_server_with_a_full_backlog),
    };
    return cmocka_run_group_tests(tests, temp_setup, temp_teardown);
}
