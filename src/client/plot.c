#include "client/plot.h"

#include "base/util.h"
#include "client/report.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static bool ends_in(const char *text, const char *end)
{
    size_t len = strlen(text), tail = strlen(end);

    return len > tail && strcmp(text + len - tail, end) == 0;
}

/* gnuplot's terminal for the file PATH; NULL: it has none. */
static const char *terminal_for(const char *path)
{
    /* Neither what ends a line of the script, nor what gnuplot takes for a command. */
    if (path[strcspn(path, "\n\r")] || *path == '|')
        return NULL;
    if (ends_in(path, ".svg"))
        return "svg";
    return ends_in(path, ".png") ? "png" : NULL;
}

/* Without the user's settings (-d); in its own process group, where Ctrl-C does not reach it; and
 * without our signal mask. */
static int spawn(pid_t *pid, int input)
{
    char *const command[] = {(char[]){"gnuplot"}, (char[]){"-d"}, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, ignored;

    sigemptyset(&none);
    sigemptyset(&ignored);
    sigaddset(&ignored, SIGPIPE);
    sigaddset(&ignored, SIGXFSZ);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &ignored);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                              POSIX_SPAWN_SETSIGDEF);
    int r = posix_spawnp(pid, command[0], &actions, &attributes, command, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return -r;
}

static void begin_script(const struct plot *plot, const char *terminal)
{
    fprintf(plot->to, "set terminal %s size 1000,500\nset output '", terminal);
    for (const char *p = plot->path; *p; p++)
        fputs(*p == '\'' ? "''" : (char[]){*p, '\0'}, plot->to);
    fputs("'\nset xlabel 'probe'\nset ylabel 'ms'\nset yrange [0:*]\nset grid\n"
          "plot '-' using 1:2 with points pointtype 7 pointsize 0.4 notitle\n",
          plot->to);
}

static int start(struct plot *plot)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    int r = spawn(&plot->pid, ends[0]);
    fd_close(&ends[0]);
    plot->to = r == 0 ? fdopen(ends[1], "w") : NULL;
    if (!plot->to)
        fd_close(&ends[1]);
    return r;
}

int plot_open(struct plot *plot, const char *path)
{
    const char *terminal = terminal_for(path);

    *plot = (struct plot){.path = path};
    if (!terminal) {
        report_say("not a file name that ends in .svg or .png: %s", path);
        return -EINVAL;
    }
    int r = start(plot);
    if (r == -ENOENT)
        report_say("--plot draws with gnuplot, which is not installed (Debian: gnuplot-nox)");
    else if (r < 0)
        report_say("cannot run gnuplot: %s", strerror(-r));
    else
        begin_script(plot, terminal);
    return r;
}

void plot_add(struct plot *plot, uint64_t seq, uint64_t ns)
{
    if (plot->to)
        fprintf(plot->to, "%" PRIu64 " %" PRIu64 ".%06" PRIu64 "\n", seq, ns / 1000000,
                ns % 1000000);
}

int plot_close(struct plot *plot)
{
    int status = 0;

    if (!plot->to)
        return 0;
    fputs("e\n", plot->to);
    int r = fclose(plot->to) == 0 ? 0 : -EIO;
    plot->to = NULL;
    while (waitpid(plot->pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (r == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    report_say("gnuplot could not write %s", plot->path);
    return -EIO;
}
