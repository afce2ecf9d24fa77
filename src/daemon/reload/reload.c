#include "daemon/reload/reload.h"

#include "base/clock.h"
#include "base/exit.h"
#include "base/fd.h"
#include "base/macros.h"
#include "base/passed_fds.h"
#include "daemon/reload/dry_run.h"

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

/* The dry run resolves host names, which can take a while. */
#define DRY_RUN_TIME (20 * USEC_PER_SEC)

void reload_init(struct reload *reload, const char *program, const char *config, struct log *log)
{
    *reload = (struct reload){.program = program,
                              .config = config,
                              .log = log,
                              .pid = -1,
                              .output = -1,
                              .settings = -1,
                              .waiter = -1};
}

/* ---- outcomes ---- */

/* Writes the outcome to *WAITER, unless it is -1, without waiting, and closes it. */
static void answer(struct log *log, int *waiter, const char *outcome, const char *text)
{
    char reply[sizeof(((struct reload *)0)->text) + 64];

    if (*waiter < 0)
        return;
    size_t size = strlen(text);
    bool ended = size == 0 || text[size - 1] == '\n';
    int len = snprintf(reply, sizeof(reply), "%s\n%s%s", outcome, text, ended ? "" : "\n");
    if (send(*waiter, reply, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        log_debug(log, "the client that requested the reload has gone");
    passed_fds_close(waiter);
}

void reload_answer(struct reload *reload, const char *outcome, const char *text)
{
    answer(reload->log, &reload->waiter, outcome, text);
}

static const char warning[] = "warning: ";

static bool is_warning(const char *line)
{
    return strncmp(line, warning, strlen(warning)) == 0;
}

/* Moves *TEXT to the next line that is not empty. Returns its length, or 0 if there is none. */
static size_t next_line(const char **text)
{
    *text += strspn(*text, "\n");
    return strcspn(*text, "\n");
}

/* Logs each line of TEXT that is a warning, without the word "warning". */
static void log_warnings(struct log *log, const char *text)
{
    for (size_t len; (len = next_line(&text)) > 0; text += len)
        if (is_warning(text))
            log_warning(log, "%.*s", (int)(len - strlen(warning)), text + strlen(warning));
}

/* Logs each line of TEXT that is not a warning. The first one gets the event. */
static void log_reasons(struct log *log, const char *text)
{
    static const char event[] = "reload failed, nothing has changed: ";
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
        log_event(log, EVENT_NOT_RELOADED, LOG_ERR, "%sthe check failed without an error message",
                  event);
}

void reload_log_warnings(const struct reload *reload)
{
    log_warnings(reload->log, reload->len ? reload->text : "");
}

void reload_reject(struct reload *reload, const char *text)
{
    log_warnings(reload->log, text);
    log_reasons(reload->log, text);
    reload_answer(reload, "error", text);
    fd_close(&reload->settings);
}

void reload_reject_error(struct reload *reload, int error)
{
    char text[128];

    snprintf(text, sizeof(text), "cannot start the installed program: %s\n", strerror(-error));
    reload_reject(reload, text);
}

/* ---- the dry run ---- */

bool reload_request(struct reload *reload, int waiter, bool serving)
{
    if (reload->pid > 0 && waiter < 0) {
        reload->again = true; /* so that edits made since it began take effect */
        return false;
    }
    if (reload->pid > 0 || !serving) {
        answer(reload->log, &waiter, "error",
               reload->pid > 0 ? "a reload is already in progress\n" : "echod is stopping\n");
        return false;
    }
    reload_init(reload, reload->program, reload->config, reload->log);
    reload->waiter = waiter;
    return true;
}

void reload_set_variable(const char *name, int fd)
{
    char text[16];

    snprintf(text, sizeof(text), "%d", fd);
    setenv(name, text, 1);
}

/* In the child: executes the installed program to check configuration and listeners. */
NORETURN static void execute(const struct reload *reload, const struct handover *handover,
                             int output)
{
    char *const argv[] = {(char *)reload->program, (char *)"--check-config", (char *)"--config",
                          (char *)reload->config, NULL};
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    handover_pass(handover, true);
    reload_set_variable(HANDOVER_VARIABLE, handover->fd);
    reload_set_variable(DRY_RUN_VARIABLE, reload->settings);
    unsetenv("NOTIFY_SOCKET"); /* a dry run sends no notifications */
    if (dup2(output, STDERR_FILENO) < 0)
        _exit(EXIT_OSERR);
    execv(reload->program, argv);
    dprintf(STDERR_FILENO, "cannot execute %s: %s\n", reload->program, strerror(errno));
    _exit(EXIT_OSERR);
}

int reload_prepare(struct reload *reload)
{
    fd_close(&reload->settings);
    reload->len = 0;
    reload->deadline = clock_now() + DRY_RUN_TIME;
    reload->settings = memfd_create("echod-settings", MFD_CLOEXEC);
    return reload->settings < 0 ? -errno : 0;
}

int reload_begin(struct reload *reload, const struct handover *handover)
{
    int output[2];

    if (pipe2(output, O_CLOEXEC | O_NONBLOCK) < 0)
        return -errno;
    pid_t pid = fork();
    int error = errno;
    if (pid == 0)
        execute(reload, handover, output[1]);
    fd_close(&output[1]);
    if (pid < 0)
        fd_close(&output[0]);
    reload->pid = pid < 0 ? -1 : pid;
    reload->output = output[0];
    return pid < 0 ? -error : 0;
}

/* Makes room for error messages, which are more important: drops the complete warnings. */
static void drop_warnings(struct reload *reload)
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

bool reload_read(struct reload *reload)
{
    if (reload->len + 1 == sizeof(reload->text))
        drop_warnings(reload);
    size_t room = sizeof(reload->text) - 1 - reload->len;
    ssize_t n = read(reload->output, reload->text + reload->len, room);

    if (n > 0)
        reload->len += (size_t)n;
    reload->text[reload->len] = '\0';
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        fd_close(&reload->output); /* end of file, or more output than anybody will read */
    return n > 0;
}

void reload_run(struct reload *reload, uint64_t now)
{
    if (reload->pid <= 0 || now < reload->deadline)
        return;
    kill(reload->pid, SIGKILL);
    reload->deadline = UINT64_MAX; /* a hanging disk may delay even SIGKILL */
}

uint64_t reload_next(const struct reload *reload)
{
    return reload->pid > 0 ? reload->deadline : UINT64_MAX;
}

/* ---- its end ---- */

/* Whether the dry run has written the settings. Without them, the new program could fail. */
static bool found_settings(const struct reload *reload)
{
    struct stat st;

    return fstat(reload->settings, &st) == 0 && st.st_size > 0;
}

/* Returns why a dry run that ended with STATUS forbids the reload, or NULL if it does not. */
static const char *find_objection(const struct reload *reload, int status, bool serving)
{
    if (!serving)
        return "echod is stopping\n";
    if (!WIFEXITED(status))
        return "the check of the new configuration took too long, or crashed\n";
    if (WEXITSTATUS(status) != 0)
        return reload->len ? reload->text : "the check failed without an error message\n";
    return found_settings(reload) ? NULL : "the installed program is not echod\n";
}

bool reload_ended(struct reload *reload, pid_t pid, int status, bool serving,
                  enum reload_outcome *outcome)
{
    if (reload->pid <= 0 || pid != reload->pid)
        return false;
    reload->pid = -1;
    while (reload_read(reload))
        continue;
    fd_close(&reload->output);
    const char *objection = find_objection(reload, status, serving);
    *outcome = RELOAD_REJECTED;
    if (objection)
        reload_reject(reload, objection);
    else
        *outcome = reload_take_again(reload) ? RELOAD_STALE : RELOAD_APPROVED;
    return true;
}

bool reload_take_again(struct reload *reload)
{
    bool again = reload->again;

    reload->again = false;
    return again;
}

void reload_abandon(struct reload *reload)
{
    if (reload->pid > 0) {
        kill(reload->pid, SIGKILL); /* without waiting: nothing depends on its end */
        reload->pid = -1;
    }
    reload_answer(reload, "error", "echod is stopping\n");
    fd_close(&reload->output);
    fd_close(&reload->settings);
}

/* ---- the handover ---- */

void reload_save(const struct reload *reload, struct handover *handover)
{
    fprintf(handover->to, "settings %d\nwaiter %d\n", reload->settings, reload->waiter);
    handover_add(handover, reload->settings);
    handover_add(handover, reload->waiter);
}

int reload_restore(struct reload *reload, const char *line)
{
    if (sscanf(line, "waiter %d", &reload->waiter) != 1)
        return -EPROTO;
    handover_take(reload->waiter);
    return 0;
}
