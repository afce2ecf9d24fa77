#include "daemon/control/audit.h"

#include "daemon/session/roster.h"

#include "unit.h"

struct got {
    char buf[RECORD_MAX];
    size_t len;
};

static struct got log_of(const struct audit *audit)
{
    struct got got;
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    struct log log = {.level = LOG_NOTICE, .channel = pair[1]};
    audit_log(&log, audit);
    got.len = (size_t)recv(pair[0], got.buf, sizeof(got.buf), MSG_DONTWAIT);
    close(pair[0]);
    close(pair[1]);
    return got;
}

static void expect_field(const struct got *got, const char *name, const char *value)
{
    const char *found = record_get(got->buf, got->len, name);

    if (value)
        assert_string_equal(found ? found : "(none)", value);
    else
        assert_null(found);
}

static void test_a_kill_names_the_client(void **state)
{
    struct client client = {.pid = 18240, .listener = "local"};
    const struct audit audit = {.request = "kill",
                                .way = "through the control socket",
                                .by = {.uid = 1000, .pid = 77},
                                .client = &client};

    (void)state;
    assert_int_equal(address_numeric(&client.peer, "192.0.2.1", 7), 0);
    struct got got = log_of(&audit);
    expect_field(&got, "MESSAGE",
                 "uid 1000 (pid 77) requested the end of the session of 192.0.2.1:7 on local "
                 "through the control socket");
    expect_field(&got, "PRIORITY", "5");
    expect_field(&got, "ECHOD_EVENT", "asked");
    expect_field(&got, "ECHOD_REQUEST", "kill");
    expect_field(&got, "ECHOD_BY_UID", "1000");
    expect_field(&got, "ECHOD_BY_PID", "77");
    expect_field(&got, "ECHOD_PEER", "192.0.2.1:7");
    expect_field(&got, "ECHOD_LISTENER", "local");
    expect_field(&got, "ECHOD_PID", "18240");
}

static void test_a_reload_names_none(void **state)
{
    struct audit audit = {.request = "reload", .way = "by SIGHUP", .by = {.uid = 0, .pid = 1}};

    (void)state;
    struct got got = log_of(&audit);
    expect_field(&got, "MESSAGE", "root (pid 1) requested a reload by SIGHUP");
    expect_field(&got, "ECHOD_REQUEST", "reload");
    expect_field(&got, "ECHOD_BY_UID", "0");
    expect_field(&got, "ECHOD_BY_PID", "1");
    expect_field(&got, "ECHOD_PEER", NULL);
}

static void test_requester_outside_the_pid_namespace(void **state)
{
    struct audit audit = {.request = "reload", .way = "by SIGHUP", .by = {.uid = 0, .pid = 0}};

    (void)state;
    struct got got = log_of(&audit); /* from outside our PID namespace */
    expect_field(&got, "MESSAGE", "root requested a reload by SIGHUP");
    expect_field(&got, "ECHOD_BY_PID", NULL);
    audit.by.uid = AUDIT_KERNEL;
    got = log_of(&audit);
    expect_field(&got, "MESSAGE", "the kernel requested a reload by SIGHUP");
    expect_field(&got, "ECHOD_BY_UID", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_kill_names_the_client),
        cmocka_unit_test(test_a_reload_names_none),
        cmocka_unit_test(test_requester_outside_the_pid_namespace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
