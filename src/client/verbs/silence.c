#include "client/verbs/silence.h"

#include "base/clock.h"
#include "base/duration.h"
#include "base/fd.h"
#include "base/memory.h"
#include "client/command/connection.h"
#include "client/io/diag.h"
#include "client/io/interrupts.h"
#include "client/io/output.h"
#include "client/io/wait.h"
#include "client/probe/probe_stream.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define PROBE_SIZE 56

/* How often, and after how long, to retry a connection to a server that has accepted others. */
#define TRIES 20
#define PAUSE 250 /* milliseconds */

/* How often a server may send data during a silence before it is given up. */
#define SPOKEN_MAX 16

/* A connection that is silent. */
struct silence {
    struct connection connection;
    struct probe_stream stream;
    struct probe_window window;
    uint64_t span;   /* how long the silence should last */
    uint64_t begun;  /* when the first attempt began, microseconds */
    uint64_t since;  /* when the last byte was sent or received */
    unsigned spoken; /* how often the server sent data unasked */
};

/* Ignores data other than the echo. */
static void take(void *context, const struct reply *reply)
{
    (void)context;
    (void)reply;
}

/* ---- results ---- */

static void report(const struct idle *i, uint64_t span, const char *verdict)
{
    char text[DURATION_TEXT_MAX];

    if (i->common->verbosity == VERBOSITY_QUIET)
        return;
    if (!i->common->json) {
        output_line("idle for %s: %s", duration_format(span, text, sizeof(text)), verdict);
        return;
    }
    output_begin("probe");
    output_address("address", &i->peer);
    output_text("verdict", verdict);
    output_milliseconds("idle_ms", span * NSEC_PER_USEC);
    output_end();
}

static void survived(struct idle *i, uint64_t span)
{
    i->alive = span;
    report(i, span, "alive");
}

/* Describes R, a result of probe_stream_receive(), probe_stream_ask() or connection_try(). */
static const char *words(int r)
{
    switch (r) {
    case 1:
    case -EPIPE:
        return "the server, or something in front of it, closed the connection (FIN)";
    case -ECONNRESET:
        return "the connection was reset (RST)";
    case -ETIMEDOUT:
        return "nothing comes back";
    }
    return strerror(-r);
}

static const char *name(int r)
{
    if (r == 1 || r == -EPIPE)
        return "fin";
    return r == -ECONNRESET ? "reset" : r == -ETIMEDOUT ? "silence" : "error";
}

/* A silence of SPAN was cut, as R shows. NOTICED: when it happened, not only afterwards. */
static void cut(struct idle *i, uint64_t span, int r, bool noticed)
{
    i->found = true;
    i->how = name(r);
    i->told = words(r);
    i->cut = span;
    i->noticed = noticed;
    report(i, span, i->how);
}

/* Handles a signal from the terminal. Returns whether to continue. */
static bool take_interrupt(struct idle *i)
{
    char span[DURATION_TEXT_MAX];
    enum interrupt interrupt = interrupts_take(i->interrupts);

    if (interrupt == INTERRUPT_INTERIM)
        diag_say("alive after %s of silence", duration_format(i->alive, span, sizeof(span)));
    i->over = i->over || interrupt == INTERRUPT_STOP;
    return !i->over;
}

/* ---- one connection ---- */

/* The first connection determines the address that the others use. */
static int make_link(struct idle *i, struct connection *connection)
{
    if (i->met)
        return connection_try(i->common, &i->peer, i->interrupts, connection);
    int r = connection_connect(i->common, i->attempts, i->interrupts, connection);
    if (r == 0)
        i->peer = connection->peer;
    else
        i->over = true; /* the reason has been reported */
    return r;
}

static void silence_end(struct silence *s)
{
    if (s->connection.fd < 0)
        return;
    probe_stream_free(&s->stream);
    probe_window_free(&s->window);
    fd_close(&s->connection.fd);
}

static int ask(struct idle *i, struct silence *s)
{
    int r = probe_stream_ask(&s->stream, PROBE_SIZE, common_options_reply_timeout(i->common),
                             i->interrupts);

    while (r == -ECANCELED && take_interrupt(i))
        r = probe_stream_ask_on(&s->stream, common_options_reply_timeout(i->common), i->interrupts);
    return r;
}

/* Connects and exchanges an echo, after which the silence begins. Returns 0 or -errno. */
static int silence_begin(struct idle *i, struct silence *s, uint64_t span)
{
    int r = make_link(i, &s->connection);

    if (r < 0)
        return r;
    s->span = span;
    probe_window_init(&s->window, 2);
    s->stream = (struct probe_stream){
        .fd = s->connection.fd,
        .type = s->connection.type,
        .run = probe_run(),
        .window = &s->window,
        .take = take,
    };
    r = ask(i, s);
    s->begun = s->since = clock_now();
    if (r < 0)
        silence_end(s);
    return r;
}

/* The server has sent data. Restarts the silence, unless that has happened too often. */
static void begin_anew(struct idle *i, struct silence *s)
{
    s->since = clock_now();
    if (++s->spoken < SPOKEN_MAX || s->since - s->begun < 2 * s->span)
        return;
    i->restless = true;
    i->over = true;
}

/* The silence of S was cut with the error R or, if R is 0, the server has sent data. */
static void disturb(struct idle *i, struct silence *s, int r)
{
    if (r == 0)
        begin_anew(i, s);
    else if (!i->found)
        cut(i, clock_now() - s->since, r, true);
}

/* ---- all flows ---- */

/* Waits until the first of COUNT silences is over. Returns early after any event. */
static void be_silent(struct idle *i, struct silence *s, size_t count, struct pollfd *set)
{
    while (!i->found && !i->over && clock_now() < s->since + s->span) {
        for (size_t k = 0; k < count; k++)
            set[k] = (struct pollfd){.fd = s[k].connection.fd, .events = POLLIN};
        set[count] = (struct pollfd){.fd = i->interrupts, .events = POLLIN};
        if (clock_now() >= i->deadline)
            i->over = true;
        else if (poll(set, count + 1,
                      clock_timeout(clock_earlier(s->since + s->span, i->deadline))) <= 0)
            continue;
        if (set[count].revents)
            take_interrupt(i);
        for (size_t k = 0; k < count; k++)
            if (set[k].revents)
                disturb(i, &s[k], probe_stream_receive(&s[k].stream));
    }
}

/* Rounds up, as shorter spans are not known to fail. */
static uint64_t whole_ms(uint64_t span)
{
    return (span + 999) / 1000 * 1000;
}

static void watch(struct idle *i, struct silence *s, size_t count)
{
    struct pollfd *set = memory_zeroed(count + 1, sizeof(*set));

    for (size_t k = 0; k < count && output_works(); k++) {
        be_silent(i, s + k, count - k, set);
        if (i->found || i->over)
            break;
        uint64_t span = whole_ms(clock_now() - s[k].since);
        int r = ask(i, &s[k]);
        if (r == 0)
            survived(i, s[k].span);
        else if (clock_now() >= i->deadline)
            i->over = true;
        else if (!i->over)
            cut(i, span, r, false);
        silence_end(&s[k]);
    }
    free(set);
}

/* Begins as many silences as the server permits. Returns how many, or -errno if there are none. */
static int begin_some(struct idle *i, struct silence *s, const uint64_t *spans, size_t count)
{
    size_t begun = 0;
    int r = 0;

    while (begun < count && !i->over && (r = silence_begin(i, &s[begun], spans[begun])) == 0) {
        i->met = true;
        begun++;
    }
    return begun > 0 ? (int)begun : r;
}

static void rest(struct idle *i)
{
    struct pollfd set = {.fd = i->interrupts, .events = POLLIN};

    if (poll(&set, 1, PAUSE) > 0)
        take_interrupt(i);
}

/* The same with retries, because the server may not have noticed yet that earlier connections have
 * ended. */
static size_t begin_patiently(struct idle *i, struct silence *s, const uint64_t *spans,
                              size_t count)
{
    int r = begin_some(i, s, spans, count);

    for (size_t n = 1; r < 0 && n < (i->met ? TRIES : 1) && !i->over; n++) {
        if (connect_ran_short(r) || clock_now() >= i->deadline)
            break;
        rest(i);
        r = begin_some(i, s, spans, count);
    }
    if (r >= 0)
        return (size_t)r;
    i->ran_short = connect_ran_short(r);
    if (!i->over && !(i->met && clock_now() >= i->deadline))
        i->why = words(r);
    i->over = true;
    return 0;
}

void idle_try(struct idle *i, const uint64_t *spans, size_t count)
{
    size_t most = count < i->opts->connections ? count : (size_t)i->opts->connections;
    struct silence *s = memory_zeroed(most, sizeof(*s));

    i->found = false;
    while (count > 0 && !i->found && !i->over && output_works()) {
        size_t begun = begin_patiently(i, s, spans, count < most ? count : most);
        watch(i, s, begun);
        for (size_t k = 0; k < begun; k++)
            silence_end(&s[k]);
        spans += begun;
        count -= begun;
    }
    free(s);
}
