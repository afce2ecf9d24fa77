/*
 * Fork servers, the real program, with the test as their daemon. See test_forkserver.c for what one
 * does with its jobs; here it is about which one gets them.
 */
#include "fork_server.h"

#include <fcntl.h>
#include <sys/resource.h>

/* ---- starting ---- */

static void test_ready(void **state)
{
    (void)state;
    assert_int_equal(fork_servers_next(&fs), 0); /* there is none */
    start();
    assert_int_equal(fs.count, 1);
    assert_int_equal(fs.current, 1);
    assert_int_equal(fs.last_number, 1);
    assert_true(fs.pause > 0);
    is_ready();
    assert_int_equal(fs.pause, 0);
    assert_true(fs.known);
    assert_int_equal(fs.protection[PROTECTION_USER].error, 0);
    assert_int_equal(fs.protection[PROTECTION_NO_NEW_PRIVILEGES].error, 0);
    assert_int_equal(fs.protection[PROTECTION_UNDUMPABLE].error, 0);
    assert_int_equal(fs.protection[PROTECTION_LIMITS].error, 0);
    assert_true(fs.protection[PROTECTION_SECCOMP].error == 0 ||
                fs.protection[PROTECTION_SECCOMP].error == EOPNOTSUPP);
    assert_true(fork_servers_next(&fs) == UINT64_MAX);
    assert_int_equal(fork_servers_run(&fs, clock_now()), 0);
    assert_int_equal(fs.count, 1);
}

/* Starts are retried with delays, and succeed once the program exists. */
static void test_program_that_is_not_there(void **state)
{
    uint64_t now = clock_now(), last = 0;

    (void)state;
    const char *program = fs.program;
    fs.program = "/dev/null/echod";
    fd_close(&fs.executable);
    for (int i = 0; i < 20; i++) {
        uint64_t next = fork_servers_next(&fs);
        assert_int_equal(fork_servers_run(&fs, next < now ? now : next), -ENOTDIR);
        now = next < now ? now : next;
        uint64_t pause = fork_servers_next(&fs) - now;
        assert_true(pause >= last && pause >= 100 * USEC_PER_MSEC && pause <= 10 * USEC_PER_SEC);
        last = pause;
        assert_int_equal(fork_servers_run(&fs, now + pause - 1), 0); /* it waits */
    }
    assert_int_equal(last, 10 * USEC_PER_SEC);
    assert_int_equal(fs.count, 0);
    fs.program = program;
    assert_int_equal(fork_servers_run(&fs, fork_servers_next(&fs)), 0);
    assert_int_equal(fs.count, 1);
}

static void copy_program(const char *from, const char *to)
{
    static char buf[64 * 1024];
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
    ssize_t n;

    assert_true(in >= 0 && out >= 0);
    while ((n = read(in, buf, sizeof(buf))) > 0)
        assert_int_equal(fd_write_all(out, buf, (size_t)n), 0);
    close(in);
    close(out);
}

/* The fork server is in the directory of the daemon's program. DIRECTORY is one that the test
 * made. */
static void open_from(const char *directory)
{
    static char path[PATH_MAX + 32];

    fd_close(&fs.executable);
    snprintf(path, sizeof(path), "%s/echod", directory);
    assert_int_equal(fork_servers_open(&fs, path, &fs.setup), 0);
}

/* Another program in its place: jobs wait, and the delays grow. */
static void test_program_that_ends_at_once(void **state)
{
    uint64_t last = 0;

    (void)state;
    copy_program("/bin/true", "echod-forkserver");
    open_from(temp_dir());
    for (int i = 0; i < 3; i++) {
        start();
        pid_t pid = fs.item[0].pid;
        assert_int_equal(child_end(pid), 0);
        uint64_t now = clock_now();
        assert_ptr_equal(fork_servers_exited(&fs, pid, now), &fs.item[0]);
        assert_int_equal(fs.current, 0);
        uint64_t pause = fork_servers_next(&fs) - now;
        assert_true(pause > last);
        last = pause;
        assert_int_equal(fork_servers_move(&fs, &fs.item[0]), 0);
        assert_int_equal(submit(&(struct client_job){.id = 1}), -EAGAIN);
        fork_servers_close_channels();
        assert_int_equal(fork_servers_run(&fs, now), 0);
        assert_int_equal(fs.count, 0);
    }
}

/* ---- a program that is replaced ---- */

static void test_outdated(void **state)
{
    char path[PATH_MAX + 32];

    (void)state;
    snprintf(path, sizeof(path), "%s/echod-forkserver", build_dir());
    copy_program(path, "echod-forkserver");
    open_from(temp_dir());
    assert_true(fork_servers_outdated(&fs)); /* there is none */
    start();
    is_ready();
    assert_false(fork_servers_outdated(&fs));
    open_from(temp_dir());
    assert_false(fork_servers_outdated(&fs));
    copy_program(path, "new");
    assert_int_equal(rename("new", "echod-forkserver"), 0);
    assert_false(fork_servers_outdated(&fs)); /* not checked yet */
    open_from(temp_dir());
    assert_true(fork_servers_outdated(&fs));
    start();
    is_ready();
    assert_false(fork_servers_outdated(&fs));
    assert_int_equal(fs.current, 2);
}

/* The file that was opened is started even if it has been deleted. */
static void test_deleted_program(void **state)
{
    char path[PATH_MAX + 32];

    (void)state;
    if (is_watched())
        cannot_run("valgrind executes by name");
    snprintf(path, sizeof(path), "%s/echod-forkserver", build_dir());
    copy_program(path, "echod-forkserver");
    open_from(temp_dir());
    assert_int_equal(unlink("echod-forkserver"), 0);
    start();
    is_ready();
}

/* ---- jobs ---- */

static void test_jobs_are_counted(void **state)
{
    struct client_job job[3];

    (void)state;
    start();
    for (size_t i = 0; i < ARRAY_SIZE(job); i++) {
        job[i] = client_job(i + 1);
        submit_all(&job[i], 1);
        assert_int_equal(job[i].server, 1);
    }
    assert_int_equal(fs.item[0].jobs, 3);
    for (size_t i = 0; i < ARRAY_SIZE(job); i++)
        ends_well(&job[i]);
    assert_int_equal(fs.item[0].jobs, 0);
    fork_servers_done(&fs, 1, false); /* never less */
    fork_servers_done(&fs, 99, false);
    assert_int_equal(fs.item[0].jobs, 0);
}

static void test_none_takes_jobs(void **state)
{
    struct client_job job = client_job(1);

    (void)state;
    assert_int_equal(submit(&job), -EAGAIN);
    assert_true(fs.full);
    close_job(&job);
}

/* The number of jobs without a worker is limited, as they would wait for a busy fork server. */
static void test_room(void **state)
{
    static struct client_job job[1000];
    size_t count = 0;

    (void)state;
    assert_false(fork_servers_have_room(&fs));
    start();
    assert_true(fork_servers_have_room(&fs)); /* even before it is ready */
    is_ready();
    pid_t pid = fs.item[0].pid;
    kill(pid, SIGSTOP);
    while (fork_servers_have_room(&fs)) {
        assert_true(count < ARRAY_SIZE(job));
        job[count] = client_job(count + 1);
        submit_all(&job[count++], 1);
    }
    assert_true(count >= 16);
    kill(pid, SIGCONT);
    has_started(&job[0]);
    fork_servers_started(&fs, 1);
    assert_true(fork_servers_have_room(&fs));
    for (size_t i = 0; i < count; i++)
        ends_well(&job[i]);
    assert_int_equal(fs.item[0].waiting, 0);
    fork_servers_started(&fs, 1); /* never less */
    fork_servers_started(&fs, 99);
    assert_int_equal(fs.item[0].waiting, 0);
}

static void test_no_room_for_jobs(void **state)
{
    struct client_job job = client_job(1);
    int r;

    (void)state;
    start();
    is_ready();
    kill(fs.item[0].pid, SIGSTOP);
    while ((r = submit(&job)) == 0)
        assert_true(++job.id < 100000);
    assert_int_equal(r, -EAGAIN);
    assert_true(fs.full);
    assert_int_equal(fs.item[0].jobs, job.id - 1);
    close_job(&job);
}

/* ---- one that is killed ---- */

/* Stops the current fork server, so that it does not read jobs. */
static pid_t stop_current(void)
{
    struct fork_server *server = fork_servers_find(&fs, fs.current);
    int status;

    kill(server->pid, SIGSTOP);
    assert_int_equal(waitpid(server->pid, &status, WUNTRACED | __WALL), server->pid);
    assert_true(WIFSTOPPED(status));
    return server->pid;
}

static void kill_server(pid_t pid)
{
    kill(pid, SIGKILL);
    assert_int_equal(child_end(pid), 1000 + SIGKILL);
    receive_all();
    assert_non_null(fork_servers_exited(&fs, pid, clock_now()));
}

static void test_unread_jobs_go_to_the_next_one(void **state)
{
    struct client_job job[5];
    struct client_job living = client_job(100);

    (void)state;
    start();
    submit_all(&living, 1);
    has_started(&living);
    pid_t pid = stop_current();
    for (size_t i = 0; i < ARRAY_SIZE(job); i++)
        job[i] = client_job(i + 1);
    submit_all(job, ARRAY_SIZE(job));
    kill_server(pid);
    struct fork_server *old = fork_servers_find(&fs, 1);
    assert_int_equal(old->pid, 0);
    assert_int_equal(old->jobs, 6);
    assert_int_equal(fork_servers_move(&fs, old), 0); /* where to? */
    assert_false(old->drained);
    assert_int_equal(fork_servers_run(&fs, clock_now()), 0); /* it was ready: at once */
    assert_int_equal(fs.current, 2);
    old = fork_servers_find(&fs, 1);
    for (uint64_t id = 1; id <= ARRAY_SIZE(job); id++) {
        assert_int_equal(fork_servers_move(&fs, old), id);
        fork_servers_done(&fs, 1, false);
    }
    assert_int_equal(fork_servers_move(&fs, old), 0);
    assert_true(old->drained);
    assert_int_equal(fork_servers_find(&fs, 2)->jobs, 5);
    /* Its worker ends as well, and is a child of this process. */
    assert_int_equal(read_end(living.client), 0);
    assert_int_equal(child_end(living.pid), END_STOPPED);
    fork_servers_done(&fs, 1, false);
    close(living.client);
    for (size_t i = 0; i < ARRAY_SIZE(job); i++) {
        job[i].server = 2;
        ends_well(&job[i]);
    }
    assert_int_equal(fork_servers_run(&fs, clock_now()), 0);
    assert_null(fork_servers_find(&fs, 1)); /* removed */
    assert_int_equal(fs.count, 1);
}

static bool channel_is_full(int channel)
{
    return poll(&(struct pollfd){.fd = channel, .events = POLLOUT}, 1, 0) == 0;
}

/* The next fork server has no room for all of them yet. */
static void test_unread_jobs_wait_for_room(void **state)
{
    struct client_job job = client_job(1), fill = client_job(1000);
    uint64_t moved = 0, id;

    (void)state;
    start();
    is_ready();
    pid_t first = stop_current();
    submit_all(&job, 1);
    kill_server(first);
    assert_int_equal(fork_servers_run(&fs, clock_now()), 0);
    is_ready();
    pid_t second = stop_current();
    while (submit(&fill) == 0)
        fill.id++;
    assert_int_equal(fork_servers_move(&fs, fork_servers_find(&fs, 1)), 0);
    assert_non_null(fs.moving);
    assert_false(fork_servers_find(&fs, 1)->drained);
    fork_servers_put_back(&fs); /* the daemon is replaced meanwhile */
    assert_null(fs.moving);
    fork_servers_put_back(&fs);
    kill(second, SIGCONT);
    close_job(&fill);
    while ((id = fork_servers_move(&fs, fork_servers_find(&fs, 1))) == 0)
        await_reports();
    assert_int_equal(id, 1);
    for (moved = 0; fork_servers_move(&fs, fork_servers_find(&fs, 1)) != 0; moved++)
        continue;
    assert_int_equal(moved, 0);
    assert_true(fork_servers_find(&fs, 1)->drained);
    job.server = 2;
    ends_well(&job);
}

/* Two fork servers have ended: each job is counted for the right one. */
static void test_unread_jobs_of_two(void **state)
{
    struct client_job job[2] = {client_job(1), client_job(2)}, fill = client_job(1000);

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        start();
        is_ready();
        pid_t pid = stop_current();
        submit_all(&job[i], 1);
        kill_server(pid);
    }
    start();
    is_ready();
    pid_t last = stop_current();
    while (submit(&fill) == 0)
        fill.id++;
    close_job(&fill);
    assert_int_equal(fork_servers_move(&fs, fork_servers_find(&fs, 1)), 0); /* it has it in hand */
    kill(last, SIGCONT);
    while (channel_is_full(fork_servers_find(&fs, 3)->channel))
        await_reports();
    assert_int_equal(fork_servers_move(&fs, fork_servers_find(&fs, 2)), 0);
    assert_int_equal(fork_servers_move(&fs, fork_servers_find(&fs, 1)), 1);
    assert_int_equal(fork_servers_move(&fs, fork_servers_find(&fs, 1)), 0);
    assert_int_equal(fork_servers_move(&fs, fork_servers_find(&fs, 2)), 2);
    for (size_t i = 0; i < 2; i++) {
        job[i].server = 3;
        ends_well(&job[i]);
    }
}

/* A job that cannot be sent yet is not lost, whatever the reason. */
static void test_unread_job_that_cannot_be_sent_on(void **state)
{
    static char text[8192];
    struct client_job client = client_job(1);
    int small = 1, large = 100000;
    uint64_t id;

    (void)state;
    start();
    is_ready();
    pid_t pid = stop_current();
    struct job job = job_of(&client);
    job.options.service = SERVICE_ECHO;
    job.options.reply = (struct text){.data = text, .len = sizeof(text) - 1};
    assert_int_equal(fork_servers_submit(&fs, &job, &client.server), 0);
    fd_close(&client.socket);
    kill_server(pid);
    start();
    is_ready();
    int channel = fork_servers_find(&fs, 2)->channel;
    assert_int_equal(setsockopt(channel, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
    assert_int_equal(fork_servers_move(&fs, fork_servers_find(&fs, 1)), 0);
    assert_true(fork_servers_next(&fs) <= clock_now() + USEC_PER_SEC); /* it will be retried */
    assert_int_equal(setsockopt(channel, SOL_SOCKET, SO_SNDBUF, &large, sizeof(large)), 0);
    id = fork_servers_move(&fs, fork_servers_find(&fs, 1));
    assert_int_equal(id, 1);
    client.server = 2;
    ends_well(&client);
}

static void test_end_of_no_fork_server(void **state)
{
    (void)state;
    start();
    assert_null(fork_servers_exited(&fs, 1, clock_now()));
    assert_null(fork_servers_exited(&fs, getpid(), clock_now()));
    assert_int_equal(fs.current, 1);
}

/* ---- a fresh one after a crash ---- */

static void test_renewal(void **state)
{
    struct client_job old = client_job(1), new = client_job(2);

    (void)state;
    start();
    submit_all(&old, 1);
    has_started(&old);
    uint64_t now = clock_now();
    assert_false(fork_servers_renew(&fs, 1, now));
    assert_true(fork_servers_next(&fs) <= now);
    assert_int_equal(fork_servers_run(&fs, now), 0);
    assert_int_equal(fs.current, 2);
    assert_int_equal(fs.count, 2);
    submit_all(&new, 1);
    assert_int_equal(new.server, 2);
    ends_well(&new);
    /* The old one serves its clients, and exits with the last one. */
    pid_t pid = fork_servers_find(&fs, 1)->pid;
    assert_int_equal(fork_servers_run(&fs, clock_now()), 0);
    assert_int_equal(waitpid(pid, NULL, WNOHANG | __WALL), 0);
    ends_well(&old);
    assert_int_equal(fork_servers_run(&fs, clock_now()), 0);
    assert_int_equal(child_end(pid), 0);
    assert_non_null(fork_servers_exited(&fs, pid, clock_now()));
    assert_int_equal(fork_servers_run(&fs, clock_now()), 0);
    assert_int_equal(fs.count, 1);
    assert_int_equal(fs.current, 2);
}

/* However frequent crashes are, each layout sees few of them. */
static void test_many_crashes(void **state)
{
    struct client_job old = client_job(1);
    uint64_t now = clock_now();
    size_t crashes = 0;

    (void)state;
    start();
    submit_all(&old, 1);
    has_started(&old);
    fs.renewals = now + LONG; /* there have been many before */
    while (fs.renew_at > now) {
        assert_false(fork_servers_renew(&fs, 0, now)); /* a killed worker does not count */
        assert_false(fork_servers_renew(&fs, 1, now));
        assert_true(++crashes < 100);
    }
    assert_true(crashes > 8);
    assert_int_equal(fork_servers_run(&fs, now), 0);
    assert_int_equal(fs.current, 2);
    pid_t pid = fork_servers_find(&fs, 1)->pid;
    while (!fork_servers_renew(&fs, 1, now))
        assert_true(++crashes < 100);
    assert_int_equal(child_end(pid), 1000 + SIGKILL);
    assert_int_equal(fs.current, 2);
    assert_true(fs.renew_at > now); /* that one has not crashed */
    close(old.client);
}

static void test_no_more_than_there_are_places_for(void **state)
{
    (void)state;
    for (uint32_t i = 1; i <= FORK_SERVERS_MAX; i++) {
        struct fork_server server = {.number = i, .channel = -1, .far = -1, .jobs = 1};
        assert_int_equal(fork_servers_adopt(&fs, &server, i == FORK_SERVERS_MAX), 0);
    }
    const struct fork_server one_more = {.number = FORK_SERVERS_MAX + 1, .channel = -1, .far = -1};
    assert_int_equal(fork_servers_adopt(&fs, &one_more, true), -EPROTO);
    assert_int_equal(fork_servers_start(&fs, 1), -EUSERS);
    assert_false(fork_servers_renew(&fs, 1, 1));
    assert_int_equal(fork_servers_run(&fs, 2), 0); /* a crash changes nothing then */
    assert_int_equal(fs.current, FORK_SERVERS_MAX);
    assert_true(fork_servers_next(&fs) == UINT64_MAX);
}

/* Renewals leave a place for one that follows the current one's end: without another one, what that
 * had to do is never settled, and its place never free. */
static void test_a_place_is_left(void **state)
{
    (void)state;
    start();
    for (uint32_t i = 2; i < FORK_SERVERS_MAX; i++) {
        struct fork_server server = {.number = i, .channel = -1, .far = -1, .jobs = 1};
        assert_int_equal(fork_servers_adopt(&fs, &server, false), 0);
    }
    assert_false(fork_servers_renew(&fs, 1, 1));
    assert_true(fork_servers_next(&fs) == UINT64_MAX);
    assert_int_equal(fork_servers_run(&fs, 2), 0);
    assert_int_equal(fs.current, 1);
    pid_t pid = fs.item[0].pid;
    fs.item[0].ready = true;
    kill(pid, SIGKILL);
    assert_int_equal(child_end(pid), 1000 + SIGKILL);
    assert_non_null(fork_servers_exited(&fs, pid, 3));
    assert_int_equal(fork_servers_run(&fs, 3), 0);
    assert_int_equal(fs.current, FORK_SERVERS_MAX);
}

/* ---- one that was left by the program before ---- */

static void test_adopted(void **state)
{
    struct client_job job = client_job(1), next = client_job(2);
    struct fork_servers heir = FORK_SERVERS_NONE;

    (void)state;
    start();
    submit_all(&job, 1);
    has_started(&job);
    struct fork_server left = fs.item[0];
    left.jobs = 0;
    assert_int_equal(fork_servers_adopt(&heir, &left, true), 0);
    fork_servers_claim(&heir, 1, true);
    fork_servers_claim(&heir, 7, true); /* one that is gone */
    assert_int_equal(heir.item[0].jobs, 1);
    assert_int_equal(heir.current, 1);
    heir.executable = fs.executable;
    heir.file = fs.file;
    fs = heir;
    assert_false(fork_servers_outdated(&fs));
    submit_all(&next, 1);
    ends_well(&next);
    ends_well(&job);
    const struct fork_server none = {.number = 0, .channel = -1, .far = -1};
    assert_int_equal(fork_servers_adopt(&fs, &none, false), -EPROTO);
}

/* ---- holding ---- */

static void test_hold_and_release(void **state)
{
    struct client_job job = client_job(1);
    struct report report;

    (void)state;
    start();
    submit_all(&job, 1);
    has_started(&job);
    fork_servers_hold(&fs, 1);
    assert_int_equal(fs.item[0].hold, HOLD_ASKED);
    fork_servers_hold(&fs, 1); /* a second request has no effect */
    report = next_report();
    assert_int_equal(report.kind, REPORT_HELD);
    /* Its worker ends, and its process ID stays valid. */
    kill(job.pid, SIGTERM);
    assert_int_equal(read_end(job.client), 0);
    struct client_job other = client_job(2);
    submit_all(&other, 1);
    has_started(&other); /* it continues with other jobs */
    assert_int_equal(kill(job.pid, 0), 0);
    fork_server_release(&fs.item[0]);
    assert_int_equal(fs.item[0].hold, HOLD_NOT);
    report = next_report();
    assert_int_equal(report.kind, REPORT_ENDED);
    assert_int_equal(report.job, 1);
    assert_int_equal(report.status, END_STOPPED << 8);
    close(job.client);
    ends_well(&other);
}

/* A fork server that does not reply, because it is stopped, is killed. */
static void test_hold_that_is_not_answered(void **state)
{
    (void)state;
    start();
    is_ready();
    pid_t pid = stop_current();
    fork_servers_hold(&fs, 1);
    uint64_t until = fork_servers_next(&fs);
    assert_true(until > clock_now() && until < clock_now() + LONG);
    assert_int_equal(fork_servers_run(&fs, until - 1), 0);
    assert_int_equal(waitpid(pid, NULL, WNOHANG | __WALL), 0);
    assert_int_equal(fork_servers_run(&fs, until), 0);
    assert_int_equal(child_end(pid), 1000 + SIGKILL);
    assert_true(fork_servers_next(&fs) > until);
    assert_non_null(fork_servers_exited(&fs, pid, clock_now()));
    assert_int_equal(fs.item[0].hold, HOLD_NOT);
}

/* Stops the current fork server, and fills its channel. */
static pid_t fill_channel(void)
{
    struct client_job job = client_job(1);
    pid_t pid = stop_current();

    while (submit(&job) == 0)
        job.id++;
    while (request_send(fork_servers_find(&fs, fs.current)->channel, REQUEST_RELEASE) == 0)
        continue;
    close_job(&job);
    return pid;
}

/* If the channel is full, the request is sent later. */
static void test_hold_that_waits_for_room(void **state)
{
    (void)state;
    start();
    is_ready();
    pid_t pid = fill_channel();
    fork_servers_hold(&fs, 1);
    assert_int_equal(fs.item[0].hold, HOLD_WANTED);
    uint64_t next = fork_servers_next(&fs);
    assert_in_range(next, clock_now() - USEC_PER_SEC, clock_now() + USEC_PER_SEC);
    assert_true(next > 0); /* with delays between retries */
    kill(pid, SIGCONT);
    while (fs.item[0].hold == HOLD_WANTED) {
        assert_int_equal(fork_servers_run(&fs, clock_now()), 0);
        await_reports();
    }
    while (next_report().kind != REPORT_HELD)
        continue;
}

/* A fork server whose channel stays full is killed. */
static void test_hold_with_a_full_channel(void **state)
{
    (void)state;
    start();
    is_ready();
    uint64_t before = clock_now();
    pid_t pid = fill_channel();
    fork_servers_hold(&fs, 1);
    assert_int_equal(fork_servers_run(&fs, before + USEC_PER_SEC), 0);
    assert_int_equal(fs.item[0].hold, HOLD_WANTED);
    assert_int_equal(waitpid(pid, NULL, WNOHANG | __WALL), 0);
    assert_int_equal(fork_servers_run(&fs, clock_now() + LONG), 0);
    assert_int_equal(child_end(pid), 1000 + SIGKILL);
    assert_non_null(fork_servers_exited(&fs, pid, clock_now()));
}

/* A fork server that is no longer needed exits; no signal is pending. */
static void test_hold_of_one_that_ends(void **state)
{
    (void)state;
    start();
    is_ready();
    pid_t pid = fill_channel();
    start();
    is_ready();
    struct fork_server *old = fork_servers_find(&fs, 1);
    fork_servers_hold(&fs, 1);
    assert_int_equal(old->hold, HOLD_WANTED);
    while (old->jobs > 0)
        fork_servers_done(&fs, 1, false);
    assert_int_equal(fork_servers_run(&fs, clock_now()), 0);
    assert_int_equal(old->channel, -1);
    assert_true(fork_servers_next(&fs) == UINT64_MAX);
    kill(pid, SIGKILL);
    child_end(pid);
    assert_non_null(fork_servers_exited(&fs, pid, clock_now()));
}

static void test_hold_of_none(void **state)
{
    (void)state;
    fork_servers_hold(&fs, 1);
    assert_int_equal(fs.count, 0);
}

/* In a process group of its own, which kill(0, SIGKILL) would kill. */
NORETURN static void let_go_of_no_process(void)
{
    struct fork_server server = {.channel = -1, .far = -1, .hold = HOLD_ASKED, .hold_until = 1};

    setpgid(0, 0);
    fork_server_run(&server, 2);
    fork_server_release(&server);
    _exit(server.hold == HOLD_NOT ? 0 : 1);
}

/* A fork server whose process has ended is not killed: 0 would be the daemon's own process group.
 */
static void test_no_process_is_not_killed(void **state)
{
    pid_t pid = fork();

    (void)state;
    if (pid == 0)
        let_go_of_no_process();
    assert_int_equal(child_end(pid), 0);
}

/* ---- reports that cannot be understood ---- */

static void test_nonsense_from_a_fork_server(void **state)
{
    struct report list[REPORTS_MAX];
    struct fork_server server = {.number = 1};
    int ends[2];

    (void)state;
    assert_int_equal(channel_open(ends), 0);
    server.channel = ends[0];
    server.far = ends[1];
    assert_int_equal(fork_servers_adopt(&fs, &server, true), 0);
    assert_int_equal(fork_servers_receive(&fs, &fs.item[0], list), 0);
    assert_int_equal(channel_send(ends[1], "nonsense", 8, NULL, 0), 0);
    assert_int_equal(fork_servers_receive(&fs, &fs.item[0], list), -EPROTO);
    /* An unknown protection. */
    const struct report odd[] = {{.kind = REPORT_PROTECTION, .job = UINT64_MAX, .status = 1},
                                 {.kind = 99, .job = 1},
                                 {.kind = REPORT_PROTECTION, .job = PROTECTION_COUNT}};
    char buf[REPORTS_SIZE];
    size_t len = reports_encode(odd, ARRAY_SIZE(odd), buf);
    assert_int_equal(channel_send(ends[1], buf, len, NULL, 0), 0);
    assert_int_equal(fork_servers_receive(&fs, &fs.item[0], list), 1);
    assert_int_equal(list[0].kind, 99);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fork_servers_setup, fork_servers_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_ready),
        TEST(test_program_that_is_not_there),
        TEST(test_program_that_ends_at_once),
        TEST(test_outdated),
        TEST(test_deleted_program),
        TEST(test_jobs_are_counted),
        TEST(test_none_takes_jobs),
        TEST(test_room),
        TEST(test_no_room_for_jobs),
        TEST(test_unread_jobs_go_to_the_next_one),
        TEST(test_unread_jobs_wait_for_room),
        TEST(test_unread_jobs_of_two),
        TEST(test_unread_job_that_cannot_be_sent_on),
        TEST(test_end_of_no_fork_server),
        TEST(test_renewal),
        TEST(test_many_crashes),
        TEST(test_no_more_than_there_are_places_for),
        TEST(test_a_place_is_left),
        TEST(test_adopted),
        TEST(test_hold_and_release),
        TEST(test_hold_that_is_not_answered),
        TEST(test_hold_that_waits_for_room),
        TEST(test_hold_with_a_full_channel),
        TEST(test_hold_of_one_that_ends),
        TEST(test_hold_of_none),
        TEST(test_no_process_is_not_killed),
        TEST(test_nonsense_from_a_fork_server),
    };
    return cmocka_run_group_tests(tests, fork_servers_group_setup, NULL);
}
