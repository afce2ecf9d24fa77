#include "client/exchange/stream_exchange.h"

#include "base/clock.h"
#include "client/exchange/payload.h"
#include "client/io/display.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#define BLOCK 65536

enum { SOCK, INPUT, OUTPUT, POLLED };

struct exchange {
    const struct exchange_plan *plan;
    struct exchange_result *result;
    struct payload out;
    struct display display;
    uint64_t moved;   /* when data was last sent, received or written */
    int send_error;   /* -errno: sending has failed, but there may be data to receive */
    bool input_ended; /* no more input will follow */
    bool unanswered;  /* nothing was received since the last send */
    bool concluded;   /* only the output remains to be written */
};

/* Stores how the exchange ended. Only the first reason is kept. */
static void conclude(struct exchange *x, enum exchange_ending ending, int error)
{
    if (x->concluded)
        return;
    x->concluded = true;
    x->result->ending = ending;
    x->result->error = error;
    if (display_end(&x->display) < 0) {
        x->result->ending = ENDED_SYSTEM;
        x->result->error = -ENOMEM;
    }
}

static bool is_temporary(ssize_t error)
{
    return error == -EAGAIN || error == -EINTR;
}

static void read_input(struct exchange *x)
{
    ssize_t n = payload_read(&x->out, x->plan->input);

    if (n == 0)
        x->input_ended = true;
    else if (n == -ENOMEM)
        conclude(x, ENDED_SYSTEM, -ENOMEM);
    else if (n < 0 && !is_temporary(n))
        conclude(x, ENDED_INPUT, (int)n);
}

/* Sends. An error does not end the exchange yet, because data of the server may still be unread. */
static void send_some(struct exchange *x)
{
    ssize_t n = payload_send(&x->out, x->plan->sock);

    if (n > 0)
        x->unanswered = true;
    else if (n < 0 && !is_temporary(n))
        x->send_error = (int)n;
}

static void half_close_when_sent(struct exchange *x)
{
    if (x->result->half_closed || !x->input_ended || payload_unsent(&x->out) > 0)
        return;
    x->result->half_closed = true;
    shutdown(x->plan->sock, SHUT_WR); /* if the connection has ended, receiving shows it */
}

/* The server has closed the connection. Checks whether the input had also ended, but was not read
 * yet. */
static void look_for_end_of_input(struct exchange *x)
{
    struct pollfd input = {.fd = x->plan->input, .events = POLLIN};

    if (!x->input_ended && payload_unsent(&x->out) == 0 && poll(&input, 1, 0) > 0)
        read_input(x);
}

static void end_of_reply(struct exchange *x, int error)
{
    if (!x->plan->interactive)
        look_for_end_of_input(x);
    if (error == 0 && x->send_error != -EPIPE) /* EPIPE only means that it was closed */
        error = x->send_error;
    conclude(x, error < 0 ? ENDED_BROKEN : ENDED_CLOSED, error);
}

static void compare(struct exchange *x, const char *data, size_t len)
{
    struct exchange_result *result = x->result;
    size_t same = payload_match(&x->out, data, len, &result->expected);

    result->received += same;
    if (same == len)
        return;
    result->differs_at = result->received + 1;
    result->got = (unsigned char)data[same];
    conclude(x, ENDED_DIFFERENT, 0);
}

static void receive_some(struct exchange *x)
{
    char data[BLOCK];
    ssize_t n = recv(x->plan->sock, data, sizeof(data), MSG_DONTWAIT);

    if (n < 0 && is_temporary(-errno))
        return;
    if (n <= 0) {
        end_of_reply(x, n < 0 ? -errno : 0);
        return;
    }
    x->unanswered = false;
    if (x->plan->verify) {
        compare(x, data, (size_t)n);
        return;
    }
    x->result->received += (uint64_t)n;
    if (x->plan->output >= 0 && display_take(&x->display, data, (size_t)n) < 0)
        conclude(x, ENDED_SYSTEM, -ENOMEM);
}

/* Writes output. Also notices that the reader has gone if there is nothing to write. */
static void write_output(struct exchange *x, short revents)
{
    /* Without a reader, a pipe reports POLLERR, a socket or terminal POLLHUP. */
    int r = revents & (POLLERR | POLLHUP) ? -EPIPE : 0;

    if (display_pending(&x->display))
        r = display_write(&x->display);
    if (r == 0)
        return;
    display_free(&x->display);
    x->concluded = false; /* failed output is more important than how it ended */
    conclude(x, ENDED_OUTPUT, r);
}

/* Whether a reply is due. While a person types or reads, the timeout does not apply. */
static bool reply_is_awaited(const struct exchange *x)
{
    bool owed = x->unanswered || x->result->half_closed || x->send_error || x->out.in_flight > 0 ||
                payload_unsent(&x->out) > 0;

    return owed && !x->concluded && !display_pending(&x->display);
}

/* Returns the milliseconds until the timeout, rounded up, for poll(2); -1 if there is none. */
static int poll_timeout(const struct exchange *x)
{
    if (x->plan->timeout == 0 || !reply_is_awaited(x))
        return -1;
    return clock_timeout(x->moved + x->plan->timeout);
}

/*
 * Fills in the poll set. A descriptor without events is left out, because poll(2) would report
 * POLLHUP and POLLERR anyway; except for the output, where these are needed.
 */
static void build_poll_set(const struct exchange *x, struct pollfd *set)
{
    bool send = payload_unsent(&x->out) > 0 && !x->send_error && !x->concluded;
    bool receive = !display_pending(&x->display) && !x->concluded;
    bool read = !x->input_ended && payload_wants_more(&x->out) && !x->send_error && !x->concluded;
    bool write = display_pending(&x->display);

    set[SOCK] = (struct pollfd){
        .fd = send || receive ? x->plan->sock : -1,
        .events = (short)((send ? POLLOUT : 0) | (receive ? POLLIN : 0)),
    };
    set[INPUT] = (struct pollfd){.fd = read ? x->plan->input : -1, .events = POLLIN};
    set[OUTPUT] = (struct pollfd){.fd = x->plan->output, .events = write ? POLLOUT : 0};
}

static void move(struct exchange *x, const struct pollfd *set)
{
    short broken = set[SOCK].revents & (POLLHUP | POLLERR);

    if (set[OUTPUT].revents)
        write_output(x, set[OUTPUT].revents);
    if (set[SOCK].events & POLLOUT && (set[SOCK].revents & POLLOUT || broken))
        send_some(x);
    if (set[SOCK].events & POLLIN && (set[SOCK].revents & POLLIN || broken))
        receive_some(x);
    if (set[INPUT].revents && !x->concluded)
        read_input(x);
    half_close_when_sent(x);
}

/* Waits once, and does what is possible then. */
static void run_once(struct exchange *x)
{
    struct pollfd set[POLLED];
    int limit = poll_timeout(x);

    build_poll_set(x, set);
    int n = poll(set, POLLED, limit);
    if (n < 0 && errno != EINTR)
        conclude(x, ENDED_SYSTEM, -errno);
    if (n == 0 && limit == 0)
        conclude(x, ENDED_SILENT, 0);
    if (n <= 0)
        return;
    x->moved = clock_now();
    move(x, set);
}

static void queue_messages(struct exchange *x)
{
    for (size_t i = 0; i < x->plan->message_count; i++)
        if (payload_add(&x->out, x->plan->messages[i], x->plan->newline) < 0)
            conclude(x, ENDED_SYSTEM, -ENOMEM);
}

/* Whether all input was sent, so that the server has not closed the connection too early. */
static bool is_complete(const struct exchange *x)
{
    bool asked = x->out.sent > 0 || x->result->received == 0;

    return payload_unsent(&x->out) == 0 && (x->input_ended || x->plan->interactive || !asked);
}

void stream_exchange_run(const struct exchange_plan *plan, struct exchange_result *result)
{
    uint64_t begin = clock_now();
    struct exchange x = {
        .plan = plan,
        .result = result,
        .out = {.keep = plan->verify},
        .display = {.fd = plan->output, .escape = plan->escape, .json = plan->json},
        .moved = begin,
        .input_ended = plan->input < 0,
    };

    *result = (struct exchange_result){.expected = -1};
    queue_messages(&x);
    half_close_when_sent(&x);
    while (!x.concluded || display_pending(&x.display))
        run_once(&x);
    result->complete = is_complete(&x);
    result->sent = x.out.sent;
    result->duration = clock_now() - begin;
    payload_free(&x.out);
    display_free(&x.display);
}
