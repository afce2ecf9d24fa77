#include "daemon/reload.h"

#include "base/clock.h"
#include "base/exit.h"
#include "base/fd.h"
#include "base/passed_fds.h"
#include "daemon/handover.h"
#include "daemon/process/system_limits.h"
#include "daemon/server.h"
#include "daemon/status.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Names are looked up in it, which can take a while. */
#define REHEARSAL_TIME (20 * USEC_PER_SEC)

/* So many descriptors are opened by the next program before it serves. */
#define FIRST_DESCRIPTORS 8

/* ---- outcomes ---- */

/* Writes the outcome to the one who waits for it, if anybody does; never waits for him. */
static void answer(struct server *server, const char *outcome, const char *text)
{
    char reply[sizeof(server->reload.text) + 64];

    if (server->reload.waiter < 0)
        return;
    size_t size = strlen(text);
    bool ended = size == 0 || text[size - 1] == '\n';
    int len = snprintf(reply, sizeof(reply), "%s\n%s%s", outcome, text, ended ? "" : "\n");
    if (send(server->reload.waiter, reply, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        log_debug(&server->log, "nobody waits for the outcome of the reload any more");
    passed_fds_close(&server->reload.waiter);
}

static const char warning[] = "warning: ";

static bool is_warning(const char *line)
{
    return strncmp(line, warning, strlen(warning)) == 0;
}

/* Moves *TEXT to the next line that is not empty. Returns its length, 0: there is none. */
static size_t next_line(const char **text)
{
    *text += strspn(*text, "\n");
    return strcspn(*text, "\n");
}

/* Logs each line of TEXT that is one, without the word that says so. */
static void log_warnings(struct log *log, const char *text)
{
    for (size_t len; (len = next_line(&text)) > 0; text += len)
        if (is_warning(text))
            log_warning(log, "%.*s", (int)(len - strlen(warning)), text + strlen(warning));
}

/* Logs each line of TEXT that is no warning: the first is the event. */
static void log_reasons(struct log *log, const char *text)
{
    static const char event[] = "not reloaded, everything stays as it was: ";
    size_t count = 0;

    for (size_t len; (len = next_line(&text)) > 0; text += len) {
        if (is_warning(text))
            continue;
        if (count++ == 0)
            log_event(log, EVENT_NOT_RELOADED, LOG_ERR, "%s%.*s", event, (int)len, text);
        else
            log_error(log, "and: %.*s", (int)len, text);
    }
    if (count == 0)
        log_event(log, EVENT_NOT_RELOADED, LOG_ERR, "%sthe check failed without a word", event);
}

/* Everything stays as it is. TEXT, lines, says why. */
static void reject(struct server *server, const char *text)
{
    log_warnings(&server->log, text);
    log_reasons(&server->log, text);
    answer(server, "error", text);
    fd_close(&server->reload.settings);
    server->rejected = server->phase == PHASE_SERVING;
    server->counters.rejected++;
    const struct service_status status = status_of(server);
    notify_ready(&server->notifier, &status);
}

static void reject_error(struct server *server, int error)
{
    char text[128];

    snprintf(text, sizeof(text), "the next program cannot be started: %s\n", strerror(-error));
    reject(server, text);
}

void reload_announce(struct server *server, int status)
{
    if (status == 0) {
        log_event(&server->log, EVENT_RELOADED, LOG_NOTICE,
                  "reloaded: %zu listener%s, %zu client%s kept", server->listeners.count,
                  plural(server->listeners.count), server->sessions.roster.live,
                  plural(server->sessions.roster.live));
        answer(server, "ok", "");
    } else {
        log_event(&server->log, EVENT_RELOADED, LOG_ERR,
                  "reloaded, but not every listener could be had");
        answer(server, "error", "not every listener could be had: see the log\n");
    }
}

/* ---- the rehearsal ---- */

static void set_variable(const char *name, int fd)
{
    char text[16];

    snprintf(text, sizeof(text), "%d", fd);
    setenv(name, text, 1);
}

/* In the child: executes the installed program to check configuration and listeners. */
_Noreturn static void rehearse(const struct server *server, int handover, int output)
{
    char *const argv[] = {(char *)server->program, (char *)"--check-config", (char *)"--config",
                          (char *)server->config, NULL};
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    handover_pass(server, handover, true);
    set_variable(HANDOVER_VARIABLE, handover);
    set_variable(REHEARSAL_VARIABLE, server->reload.settings);
    unsetenv("NOTIFY_SOCKET"); /* a rehearsal tells nobody */
    if (dup2(output, STDERR_FILENO) < 0)
        _exit(EXIT_OSERR);
    execv(server->program, argv);
    dprintf(STDERR_FILENO, "%s cannot be executed: %s\n", server->program, strerror(errno));
    _exit(EXIT_OSERR);
}

static int start_rehearsal(struct server *server)
{
    fd_close(&server->reload.settings);
    server->reload.len = 0;
    server->reload.deadline = clock_now() + REHEARSAL_TIME;
    server->reload.settings = memfd_create("echod-settings", MFD_CLOEXEC);
    if (server->reload.settings < 0)
        return -errno;
    int output[2], handover = handover_write(server);
    if (handover < 0)
        return handover;
    if (pipe2(output, O_CLOEXEC | O_NONBLOCK) < 0) {
        int error = errno;
        fd_close(&handover);
        return -error;
    }
    pid_t pid = fork();
    int error = errno;
    if (pid == 0)
        rehearse(server, handover, output[1]);
    fd_close(&handover);
    fd_close(&output[1]);
    if (pid < 0)
        fd_close(&output[0]);
    server->reload.pid = pid < 0 ? -1 : pid;
    server->reload.output = output[0];
    return pid < 0 ? -error : 0;
}

void reload_begin(struct server *server, int waiter)
{
    struct reload *reload = &server->reload;

    if (reload->pid > 0 && waiter < 0) {
        reload->again = true; /* what was edited meanwhile is to take effect, too */
        return;
    }
    if (reload->pid > 0 || server->phase != PHASE_SERVING) {
        struct server other = {.reload = {.waiter = waiter}, .log = server->log};
        answer(&other, "error",
               reload->pid > 0 ? "a reload is under way already\n" : "echod is stopping\n");
        return;
    }
    *reload = (struct reload)RELOAD_NONE;
    reload->waiter = waiter;
    notify_reloading(&server->notifier);
    int r = start_rehearsal(server);
    if (r < 0)
        reject_error(server, r);
}

/* Makes room for the reasons, which are worth more: drops the warnings that are whole. */
static void forget_warnings(struct reload *reload)
{
    char *to = reload->text;
    size_t len;

    for (const char *line = reload->text; *line; line += len) {
        const char *end = strchr(line, '\n');
        len = end ? (size_t)(end - line) + 1 : strlen(line);
        if (end && is_warning(line))
            continue;
        memmove(to, line, len);
        to += len;
    }
    *to = '\0';
    reload->len = (size_t)(to - reload->text);
}

bool reload_listen(struct server *server)
{
    struct reload *reload = &server->reload;

    if (reload->len + 1 == sizeof(reload->text))
        forget_warnings(reload);
    size_t room = sizeof(reload->text) - 1 - reload->len;
    ssize_t n = read(reload->output, reload->text + reload->len, room);

    if (n > 0)
        reload->len += (size_t)n;
    reload->text[reload->len] = '\0';
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        fd_close(&reload->output); /* its end, or more than anybody will read */
    return n > 0;
}

void reload_check(struct server *server, uint64_t now)
{
    if (server->reload.pid <= 0 || now < server->reload.deadline)
        return;
    kill(server->reload.pid, SIGKILL);
    server->reload.deadline = UINT64_MAX; /* a dead disk may keep even that from ending it */
}

/* ---- taking over ---- */

/* Executes the installed program in place of this one. Returns only if that fails. */
static int take_over(struct server *server)
{
    char *argv[] = {(char *)server->program,
                    (char *)"--config",
                    (char *)server->config,
                    (char *)"--daemon",
                    (char *)"--pid-file",
                    (char *)server->pid_path,
                    NULL};
    if (!server->pid_path)
        argv[3] = NULL;
    fork_servers_put_back(&server->fork_servers);
    int handover = handover_write(server);
    int r = handover < 0 ? handover : system_limits_try_descriptors(FIRST_DESCRIPTORS);

    if (r < 0) {
        fd_close(&handover);
        return r;
    }
    /* Which execv() would do, too, but for as long as they like (passed_fds.h). */
    control_dismiss_all(&server->control);
    slots_give_back(&server->sessions.slots); /* the next program does not know which they are */
    handover_pass(server, handover, true);
    handover_pass_waiting(server, true);
    set_variable(HANDOVER_VARIABLE, handover);
    execv(server->program, argv);
    int error = errno;
    unsetenv(HANDOVER_VARIABLE);
    handover_pass(server, handover, false);
    handover_pass_waiting(server, false);
    fd_close(&handover);
    return -error;
}

/* Whether the rehearsal has written down what it found good: to execute anything else would end
 * all. */
static bool found_settings(const struct reload *reload)
{
    struct stat st;

    return fstat(reload->settings, &st) == 0 && st.st_size > 0;
}

/* Returns only if the new program does not take over, or is to rehearse once more. */
static void finish(struct server *server, int status)
{
    struct reload *reload = &server->reload;
    int r;

    if (server->phase != PHASE_SERVING) {
        reject(server, "echod is stopping\n");
    } else if (!WIFEXITED(status)) {
        reject(server, "the check of the new configuration took too long, or crashed\n");
    } else if (WEXITSTATUS(status) != 0) {
        reject(server, reload->len ? reload->text : "the check failed without a word\n");
    } else if (!found_settings(reload)) {
        reject(server, "the program that is installed now is no echod\n");
    } else if (reload->again) {
        reload->again = false; /* what was found good is out of date */
        r = start_rehearsal(server);
        if (r < 0)
            reject_error(server, r);
    } else {
        log_warnings(&server->log, reload->len ? reload->text : "");
        log_limit_flush(&server->log_limit, &server->log, UINT64_MAX - 1);
        datagram_workers_summarise(&server->datagrams);
        metrics_abandon(server); /* the next one would not know it */
        r = take_over(server);
        reject_error(server, r);
    }
}

void reload_finish(struct server *server, int status)
{
    struct reload *reload = &server->reload;

    reload->pid = -1;
    while (reload_listen(server))
        continue;
    fd_close(&reload->output);
    finish(server, status);
    if (reload->again && server->phase == PHASE_SERVING && reload->pid < 0) {
        reload->again = false;
        reload_begin(server, -1);
    }
}

void reload_abandon(struct server *server)
{
    struct reload *reload = &server->reload;

    if (reload->pid > 0) {
        kill(reload->pid, SIGKILL); /* and is not waited for: nothing of ours depends on it */
        reload->pid = -1;
    }
    answer(server, "error", "echod is stopping\n");
    fd_close(&reload->output);
    fd_close(&reload->settings);
}
