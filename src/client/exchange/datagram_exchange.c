#include "client/exchange/datagram_exchange.h"

#include "base/clock.h"
#include "base/duration.h"
#include "base/macros.h"
#include "client/connect/connect.h"
#include "client/connect/stamp.h"
#include "client/exchange/message.h"
#include "client/exchange/payload.h"
#include "client/io/diag.h"
#include "client/io/display.h"
#include "client/io/output.h"
#include "client/io/wait.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

/* Larger than any UDP datagram, or (by default) any Unix datagram. */
#define PACKET_MAX ((size_t)256 << 10)

/* How many unexpected datagrams to receive before the input is checked again. */
#define UNEXPECTED_MAX 64

struct datagram_exchange {
    const struct exchange_plan *plan;
    struct exchange_result *result;
    int sock;
    int type;          /* of the socket */
    bool answered;     /* the peer has sent something */
    size_t others;     /* further addresses to try if there is no answer */
    uint64_t patience; /* the timeout for an answer, microseconds; 0: none */
    struct address peer;
    uint64_t arrived;     /* when the last datagram arrived, nanoseconds */
    struct payload input; /* what was read, to be sent line by line */
    bool input_ended;
    struct display display;
    bool over;
    unsigned unexpected; /* datagrams that answered no message */
};

/* Ends the exchange. Only the first reason is kept. */
static void end(struct datagram_exchange *d, enum exchange_ending ending, int error)
{
    if (d->over)
        return;
    d->over = true;
    d->result->ending = ending;
    d->result->error = error;
}

/* ---- receiving ---- */

static void put_answer(struct datagram_exchange *d, const struct message *m, const char *data,
                       size_t len)
{
    message_put_answer(&d->peer, m, data, len, d->arrived);
    if (!output_works())
        end(d, ENDED_OUTPUT, 0); /* streams_close() reports the error */
}

static void show(struct datagram_exchange *d, const char *data, size_t len)
{
    int r = display_take(&d->display, data, len);

    if (r == 0)
        r = display_end(&d->display);
    if (r < 0)
        end(d, ENDED_SYSTEM, r);
    else if ((r = display_write_all(&d->display)) < 0)
        end(d, ENDED_OUTPUT, r);
}

static void compare(struct datagram_exchange *d, const struct message *m, const char *data,
                    size_t len)
{
    static const struct message nothing = {.len = 0};
    size_t at = 0;

    if (!m)
        m = &nothing;
    size_t known = m->len;

    while (at < known && at < len && data[at] == m->data[at])
        at++;
    if (at == known && at == len)
        return;
    d->result->differs_at = at + 1;
    d->result->expected = at < known ? (unsigned char)m->data[at] : -1;
    d->result->got = at < len ? (unsigned char)data[at] : -1;
    end(d, ENDED_DIFFERENT, 0);
}

/* Handles a datagram: the answer to M, or an unexpected one if M is NULL. */
static void take(struct datagram_exchange *d, const struct message *m, const char *data, size_t len)
{
    d->answered = true;
    if (d->plan->json)
        put_answer(d, m, data, len);
    if (d->plan->verify)
        compare(d, m, data, len);
    else if (!d->plan->json)
        show(d, data, len);
    d->result->received += len;
}

/* Receives without waiting. Returns 1 if there was a datagram, 0 if not, or -errno. */
static int receive(struct datagram_exchange *d, const struct message *m)
{
    char data[PACKET_MAX];
    ssize_t n = stamp_recv(d->sock, data, sizeof(data), &d->arrived);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    if (n == 0 && d->type != SOCK_DGRAM)
        end(d, ENDED_CLOSED, 0);
    else
        take(d, m, data, (size_t)n);
    return 1;
}

/* Receives datagrams that answer no message. An error ends the exchange. */
static void receive_unexpected(struct datagram_exchange *d)
{
    int r = receive(d, NULL);

    if (r < 0)
        end(d, ENDED_BROKEN, r);
}

/* ---- waiting ---- */

enum event { TOO_LATE, FROM_SERVER, FROM_INPUT };

/* Waits for EVENTS of the socket, or for INPUT unless it is -1, until DEADLINE. */
static enum event await(struct datagram_exchange *d, short events, int input, uint64_t deadline)
{
    struct pollfd set[] = {{.fd = d->sock, .events = events}, {.fd = input, .events = POLLIN}};

    for (;;) {
        int n = poll(set, ARRAY_SIZE(set), clock_timeout(deadline));
        if (n > 0)
            return set[0].revents ? FROM_SERVER : FROM_INPUT;
        if (n == 0 && clock_now() >= deadline)
            return TOO_LATE;
    }
}

/* While further addresses may be tried, each gets its share of the timeout. */
static uint64_t deadline_of(struct datagram_exchange *d)
{
    d->patience = d->plan->timeout;
    if (d->patience && !d->answered)
        d->patience = (d->patience - 1) / (d->others + 1) / 1000 * 1000 + 1000;
    return d->patience ? clock_now() + d->patience : NEVER;
}

/* ---- a message ---- */

/* Changes the local port, so that a late answer is not taken for that to the next message. A socket
 * that is disconnected by connect(2) (AF_UNSPEC) has no port, so all that is queued can be
 * discarded. A Unix socket keeps its name. */
static void change_port(struct datagram_exchange *d)
{
    const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    char late;

    if (d->type != SOCK_DGRAM || !address_is_ip(&d->peer))
        return;
    (void)connect(d->sock, &nobody, sizeof(nobody)); /* an error also shows below */
    while (recv(d->sock, &late, sizeof(late), MSG_DONTWAIT) >= 0)
        ;
    if (connect(d->sock, &d->peer.sa, d->peer.len) < 0)
        end(d, ENDED_BROKEN, -errno);
    else if (connect_is_to_itself(d->sock))
        end(d, ENDED_BROKEN, -ECONNREFUSED);
}

static void give_up(struct datagram_exchange *d, const struct message *m)
{
    char span[DURATION_TEXT_MAX], peer[ADDRESS_TEXT_MAX];

    d->result->unanswered++;
    duration_format(d->patience, span, sizeof(span));
    diag_say("no reply to message %" PRIu64 " from %s within %s", d->result->messages,
             address_format(&d->peer, peer, sizeof(peer)), span);
    if (d->plan->json)
        message_put_failure(&d->peer, m, "overdue", NULL);
    change_port(d);
}

/* Reports why the exchange ended before M was answered. */
static void put_failure(struct datagram_exchange *d, const struct message *m)
{
    if (!d->plan->json || d->result->error == 0 || d->result->ending == ENDED_OUTPUT)
        return;
    message_put_failure(&d->peer, m, "error", strerror(-d->result->error));
}

/* Returns 0 or -errno. */
static int send_whole(struct datagram_exchange *d, const struct message *m, uint64_t deadline)
{
    for (;;) {
        if (send(d->sock, m->data, m->len, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
            return 0;
        if (errno == EAGAIN && await(d, POLLOUT, -1, deadline) == TOO_LATE)
            return -ETIMEDOUT;
        if (errno != EAGAIN && errno != EINTR)
            return -errno;
    }
}

/* Sends M to one address and waits for the answer. Returns 0 or -errno. */
static int ask_once(struct datagram_exchange *d, const struct message *m)
{
    uint64_t deadline = deadline_of(d);
    int r = send_whole(d, m, deadline);

    if (r < 0)
        return r;
    d->result->sent += m->len;
    while (r == 0 && await(d, POLLIN, -1, deadline) == FROM_SERVER)
        r = receive(d, m);
    return r > 0 ? 0 : r == 0 ? -ETIMEDOUT : r;
}

/* Changes to the next address if this one failed with ERROR and has never answered. Returns whether
 * it did. */
static bool move_on(struct datagram_exchange *d, int error)
{
    if (d->answered || d->others == 0 || error == -EMSGSIZE)
        return false;
    int sock = d->plan->next(d->plan->context, error == -ETIMEDOUT ? -ETIME : error);
    if (sock < 0)
        return false;
    d->others--;
    d->sock = sock;
    address_peer(&d->peer, sock);
    stamp_enable(sock);
    return true;
}

/* Sends M and waits for its answer. */
static void ask(struct datagram_exchange *d, struct message *m)
{
    uint64_t sent = d->result->sent;
    int r = ask_once(d, m);

    while (r < 0 && move_on(d, r)) {
        d->result->sent = sent;
        m->begin = clock_nanoseconds();
        r = ask_once(d, m);
    }
    d->others = 0;
    if (r == -ETIMEDOUT)
        give_up(d, m);
    else if (r == -EMSGSIZE)
        end(d, ENDED_TOO_LONG, r);
    else if (r == -EPIPE)
        end(d, ENDED_CLOSED, 0);
    else if (r < 0)
        end(d, ENDED_BROKEN, r);
}

static void send_message(struct datagram_exchange *d, const char *data, size_t len)
{
    struct message m = {
        .data = data,
        .len = len,
        .number = ++d->result->messages,
        .begin = clock_nanoseconds(),
    };

    ask(d, &m);
    if (d->over)
        put_failure(d, &m);
}

static void send_messages(struct datagram_exchange *d)
{
    for (size_t i = 0; i < d->plan->message_count && !d->over; i++) {
        struct payload text = {0};
        if (payload_add(&text, d->plan->messages[i], d->plan->newline) < 0)
            end(d, ENDED_SYSTEM, -ENOMEM);
        else
            send_message(d, byte_queue_front(&text.bytes), byte_queue_length(&text.bytes));
        payload_free(&text);
    }
}

/* ---- standard input ---- */

static bool is_input_ready(const struct datagram_exchange *d)
{
    struct pollfd set = {.fd = d->plan->input, .events = POLLIN};

    return poll(&set, 1, 0) > 0;
}

/* Waits for input and reads it. Datagrams that arrive meanwhile are received first, so that they
 * are not taken for an answer, but only UNEXPECTED_MAX of them, so that a server cannot hold up the
 * input. */
static void read_some(struct datagram_exchange *d)
{
    if (await(d, POLLIN, d->plan->input, NEVER) == FROM_SERVER) {
        receive_unexpected(d);
        if (d->over || ++d->unexpected % UNEXPECTED_MAX != 0 || !is_input_ready(d))
            return;
    }
    ssize_t n = payload_read(&d->input, d->plan->input);
    if (n == 0)
        d->input_ended = true;
    else if (n == -ENOMEM)
        end(d, ENDED_SYSTEM, -ENOMEM);
    else if (n < 0 && n != -EAGAIN && n != -EINTR)
        end(d, ENDED_INPUT, (int)n);
}

/* Returns the length of the first line of the input with its newline, or 0 if it is incomplete. */
static size_t first_line(const struct datagram_exchange *d)
{
    size_t len = byte_queue_length(&d->input.bytes);
    const char *front = byte_queue_front(&d->input.bytes), *newline = NULL;

    if (len > 0)
        newline = memchr(front, '\n', len);
    if (newline)
        return (size_t)(newline - front) + 1;
    return d->input_ended || len > PACKET_MAX ? len : 0;
}

static void send_lines(struct datagram_exchange *d)
{
    while (!d->over && (!d->input_ended || byte_queue_length(&d->input.bytes) > 0)) {
        size_t len = first_line(d);
        const char *line = byte_queue_front(&d->input.bytes);
        if (len == 0) {
            read_some(d);
            continue;
        }
        send_message(d, line, len - (!d->plan->newline && line[len - 1] == '\n'));
        byte_queue_drop(&d->input.bytes, len);
    }
}

/* ---- the exchange ---- */

/* Receives the rest: of a connection, until the server closes it; of datagrams, those that have
 * already arrived. */
static void receive_remaining(struct datagram_exchange *d)
{
    bool lasting = d->type != SOCK_DGRAM;
    uint64_t deadline = lasting ? deadline_of(d) : 0, now = clock_nanoseconds();

    if (lasting)
        shutdown(d->sock, SHUT_WR);
    d->result->half_closed = lasting;
    d->arrived = 0;
    while (!d->over && (lasting ? clock_now() < deadline : d->arrived <= now) &&
           await(d, POLLIN, -1, deadline) == FROM_SERVER)
        receive_unexpected(d);
    end(d, lasting ? ENDED_SILENT : ENDED_CLOSED, 0);
}

void datagram_exchange_run(const struct exchange_plan *plan, struct exchange_result *result)
{
    uint64_t begin = clock_now();
    struct datagram_exchange d = {
        .plan = plan,
        .result = result,
        .sock = plan->sock,
        .type = connect_type(plan->sock),
        .others = plan->others,
        .display = {.fd = plan->output, .escape = plan->escape},
    };

    *result = (struct exchange_result){.expected = -1};
    address_peer(&d.peer, plan->sock);
    stamp_enable(plan->sock);
    send_messages(&d);
    if (plan->input >= 0)
        send_lines(&d);
    result->complete = !d.over;
    if (!d.over)
        receive_remaining(&d);
    if (result->ending == ENDED_CLOSED && result->unanswered > 0)
        result->ending = ENDED_SILENT;
    result->duration = clock_now() - begin;
    payload_free(&d.input);
    display_free(&d.display);
}
