#include "client/results/plot.h"

#include "base/fd.h"
#include "base/text.h"
#include "client/io/diag.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* From this ratio of the longest to the shortest time on, the axis is logarithmic. */
#define WIDE 20

static bool ends_in(const char *text, const char *end)
{
    size_t len = strlen(text), tail = strlen(end);

    return len > tail && strcmp(text + len - tail, end) == 0;
}

/* Returns the gnuplot terminal for the file PATH by its suffix, or NULL. */
static const char *terminal_for(const char *path)
{
    if (ends_in(path, ".svg"))
        return "svg";
    return ends_in(path, ".png") ? "png" : NULL;
}

/* Starts gnuplot without the user's settings (-d), in its own process group, so that Ctrl-C does
 * not end it, and without our signal mask. It writes to a memfd, because it would not report that a
 * file cannot be written. */
static int spawn(pid_t *pid, int input, int output)
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
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    /* If it were closed, gnuplot's messages could go to a file that gets this number. */
    posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDERR_FILENO);
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

/* Writes TEXT as a gnuplot string without special characters. */
static void put_string(FILE *to, const char *text)
{
    fputc('\'', to);
    for (const char *p = text; *p; p++)
        fputs(*p == '\'' ? "''" : (char[]){*p, '\0'}, to);
    fputc('\'', to);
}

/* Writes the constant part of the script. The points follow, up to "end". */
static void begin_script(const struct plot *plot, const char *terminal)
{
    fprintf(plot->to,
            "set terminal %s size 1000,500 background rgb 'white' noenhanced\nset grid\n"
            "set key outside below\nset tics nomirror\n$points << end\n",
            terminal);
}

static void abandon(struct plot *plot)
{
    fclose(plot->to);
    plot->to = NULL;
}

static int start(struct plot *plot)
{
    int ends[2];

    plot->drawn = memfd_create("plot", MFD_CLOEXEC);
    if (plot->drawn < 0 || pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    plot->to = fdopen(ends[1], "w");
    int r = plot->to ? spawn(&plot->pid, ends[0], plot->drawn) : -errno;
    fd_close(&ends[0]);
    if (!plot->to)
        fd_close(&ends[1]);
    else if (r < 0)
        abandon(plot);
    return r;
}

/* Returns 0, or -errno after reporting it. */
static int release(struct plot *plot)
{
    fd_close(&plot->drawn);
    return output_file_close(&plot->file);
}

int plot_open(struct plot *plot, const char *path)
{
    const char *terminal = terminal_for(path);

    *plot = (struct plot){.drawn = -1, .begun = time(NULL)};
    if (!terminal) {
        diag_say("not a file name that ends in .svg or .png: %s", path);
        return -EINVAL;
    }
    int r = output_file_open(&plot->file, path);
    if (r < 0)
        return r;
    r = start(plot);
    if (r == -ENOENT)
        diag_say("--plot draws with gnuplot, which is not installed (Debian: gnuplot-nox)");
    else if (r < 0)
        diag_say("cannot run gnuplot: %s", strerror(-r));
    else
        begin_script(plot, terminal);
    if (r < 0)
        release(plot);
    return r;
}

static uint64_t points(const struct plot *plot)
{
    return plot->counts[PLOT_INTACT] + plot->counts[PLOT_DAMAGED] + plot->counts[PLOT_LOST];
}

void plot_add(struct plot *plot, enum plot_mark mark, uint64_t x, uint64_t ns)
{
    if (!plot->to)
        return;
    fprintf(plot->to, "%" PRIu64 ".%03" PRIu64 " %" PRIu64 ".%06" PRIu64 " %d\n", x / 1000,
            x % 1000, ns / 1000000, ns % 1000000, (int)mark);
    if (x < plot->first || points(plot) == 0)
        plot->first = x;
    if (x > plot->last)
        plot->last = x;
    plot->counts[mark]++;
    if (mark == PLOT_LOST)
        return;
    if (plot->least == 0 || ns < plot->least)
        plot->least = ns;
    if (ns > plot->greatest)
        plot->greatest = ns;
}

/* Writes the title: what was measured, with which peer and when, and the result. */
static void put_title(const struct plot *plot, const struct plot_text *text)
{
    char line[1024] = "", peer[ADDRESS_TEXT_MAX], begin[64] = "", end[64] = "";
    const uint64_t *counts = plot->counts;
    struct tm local;
    time_t now = time(NULL);

    if (localtime_r(&plot->begun, &local))
        strftime(begin, sizeof(begin), "%F %T", &local);
    if (localtime_r(&now, &local))
        strftime(end, sizeof(end), "%T %Z", &local);
    text_append(line, sizeof(line),
                "echoc %s: round trips of %" PRIu64 " byte%s to %s (%s), %s to %s", text->verb,
                text->size, plural(text->size), address_format(text->peer, peer, sizeof(peer)),
                text->transport, begin, end);
    fputs("set title ", plot->to);
    put_string(plot->to, line);
    fprintf(plot->to,
            ".\"\\n%" PRIu64 " intact, %" PRIu64 " damaged, %" PRIu64 " lost\" noenhanced\n",
            counts[PLOT_INTACT], counts[PLOT_DAMAGED], counts[PLOT_LOST]);
}

static double milliseconds(uint64_t ns)
{
    return (double)ns / 1e6;
}

/* Writes the vertical axis, logarithmic if the times differ widely. Returns its lower end. */
static double put_axes(const struct plot *plot, const struct plot_text *text)
{
    bool wide = plot->least > 0 && plot->greatest / plot->least >= WIDE;
    double low = wide ? milliseconds(plot->least) / 1.5 : 0;
    double high = plot->greatest ? milliseconds(plot->greatest) * (wide ? 1.5 : 1.1) : 1;

    double margin = (double)(plot->last - plot->first + 50) / 50;
    fprintf(plot->to, "set xrange [%.3f:%.3f]\nset xlabel ", ((double)plot->first - margin) / 1000,
            ((double)plot->last + margin) / 1000);
    put_string(plot->to, text->x_axis);
    fprintf(plot->to, "\nset ylabel 'round trip, ms'\n%sset yrange [%.6f:%.6f]\n",
            wide ? "set logscale y\n" : "", low, high);
    return low;
}

static void put_line(FILE *to, const struct stats *times, unsigned per_mille, const char *color)
{
    double ms = milliseconds(stats_percentile(times, per_mille));

    if (times->count > 0)
        fprintf(to, ", %.6f with lines linewidth 1.5 linecolor rgb '%s' title 'p%u: %.3f ms'", ms,
                color, per_mille / 10, ms);
}

/* Writes the points with one mark. Those without a time are drawn at BOTTOM. */
static void put_points(const struct plot *plot, enum plot_mark mark, double bottom)
{
    static const struct {
        const char *title, *color;
        int type;
    } marks[PLOT_MARKS] = {
        {"intact", "#1f5fa8", 7},
        {"damaged", "#e07b00", 9},
        {"lost", "#d00000", 2},
    };
    char value[32] = "$2";

    if (mark == PLOT_LOST)
        snprintf(value, sizeof(value), "%.6f", bottom);
    fprintf(plot->to,
            "$points using 1:($3 == %d ? %s : NaN) with points pointtype %d pointsize %s linecolor "
            "rgb '%s' title '%s'",
            (int)mark, value, marks[mark].type,
            mark != PLOT_INTACT                ? "1.5"
            : plot->counts[PLOT_INTACT] < 1000 ? "1"
                                               : "0.5",
            marks[mark].color, marks[mark].title);
}

/* Ends the points, and writes how to draw them. */
static void end_script(const struct plot *plot, const struct plot_text *text)
{
    const char *gap = "plot ";

    fputs("end\n", plot->to);
    put_title(plot, text);
    double bottom = put_axes(plot, text);
    for (enum plot_mark mark = 0; mark < PLOT_MARKS; mark++) {
        if (plot->counts[mark] == 0)
            continue;
        fputs(gap, plot->to);
        put_points(plot, mark, bottom);
        gap = ", ";
    }
    if (*gap == 'p') /* no points: gnuplot draws an empty frame */
        fputs("plot [0:1] NaN notitle", plot->to);
    put_line(plot->to, text->times, 500, "#208020");
    put_line(plot->to, text->times, 990, "#a02080");
    fputs("\n", plot->to);
}

/* Waits for gnuplot to end. Returns whether it has drawn a picture. */
static bool await_picture(struct plot *plot)
{
    int status = 0;
    bool taken = fclose(plot->to) == 0;

    plot->to = NULL;
    while (waitpid(plot->pid, &status, 0) < 0 && errno == EINTR)
        ;
    return taken && WIFEXITED(status) && WEXITSTATUS(status) == 0 &&
           lseek(plot->drawn, 0, SEEK_END) > 0;
}

/* Returns 0, or -errno after reporting it. */
static int write_picture(const struct plot *plot)
{
    size_t len = (size_t)lseek(plot->drawn, 0, SEEK_END);
    void *picture = mmap(NULL, len, PROT_READ, MAP_PRIVATE, plot->drawn, 0);

    if (picture == MAP_FAILED) {
        int r = -errno;
        diag_say("cannot write %s: %s", plot->file.path, strerror(-r));
        return r;
    }
    int r = output_file_replace(&plot->file, picture, len);
    munmap(picture, len);
    return r;
}

int plot_close(struct plot *plot, const struct plot_text *text)
{
    int r = -EIO;

    if (!plot->to)
        return 0;
    end_script(plot, text);
    if (await_picture(plot))
        r = write_picture(plot);
    else
        diag_say("gnuplot could not draw %s", plot->file.path);
    int closed = release(plot);
    return r < 0 ? r : closed;
}
