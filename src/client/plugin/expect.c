#include "client/plugin/expect.h"

#include "base/clock.h"
#include "base/escape.h"
#include "base/text.h"
#include "client/connect/stamp.h"
#include "client/io/wait.h"
#include "client/probe/probe_stream.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define PROBE_SIZE 56
#define ANSWER_MAX 65536
#define SHOWN 60
/* The lines with which echod refuses a client are shorter. */
#define STRAY_MAX 80

static bool because(char *why, const char *text)
{
    snprintf(why, EXPECT_WHY_MAX, "%s", text);
    return false;
}

/* ---- a probe ---- */

struct answer {
    char *why;
    bool any; /* anything was received */
    bool right;
    char stray[STRAY_MAX]; /* the beginning of what came, and was no echo */
};

/* More of what came before an echo, or instead of one. */
static void add_stray(struct answer *answer, const struct reply *reply)
{
    size_t used = strlen(answer->stray), room = sizeof(answer->stray) - 1 - used;

    memcpy(answer->stray + used, reply->data, reply->len < room ? reply->len : room);
    answer->stray[strcspn(answer->stray, "\n")] = '\0';
}

/* No echo came: what came instead, such as the line of a server that refuses us. */
static void add_stray_to(char *why, const struct answer *answer)
{
    char text[ESCAPED_SIZE(STRAY_MAX)];

    escape_bytes(text, answer->stray, strlen(answer->stray), NULL);
    if (*text)
        text_append(why, EXPECT_WHY_MAX, "; it sent: %s", text);
}

static void take(void *context, const struct reply *reply)
{
    struct answer *answer = context;

    answer->any = true;
    switch (reply->verdict) {
    case REPLY_TRUNCATED:
        snprintf(answer->why, EXPECT_WHY_MAX, "the reply is truncated: %zu of %u byte%s",
                 reply->len, (unsigned)reply->size, plural(reply->size));
        break;
    case REPLY_CORRUPTED:
        snprintf(answer->why, EXPECT_WHY_MAX, "the reply is corrupted at byte %zu", reply->at + 1);
        break;
    case REPLY_STRAY: /* a greeting, which the echo may follow */
        add_stray(answer, reply);
        break;
    default:
        answer->right = true;
    }
}

static bool ask_probe(struct expectation *talk, char *why)
{
    struct answer answer = {.why = why};
    struct probe_window window;
    struct probe_stream stream = {
        .fd = talk->fd,
        .type = talk->type,
        .run = probe_run(),
        .window = &window,
        .take = take,
        .context = &answer,
    };
    uint64_t now = clock_now(), left = talk->deadline > now ? talk->deadline - now : 1;

    probe_window_init(&window, 2);
    because(why, "no echo");
    int r = probe_stream_ask(&stream, PROBE_SIZE, left, -1);
    if (r == -ETIMEDOUT)
        because(why, "timed out waiting for the echo");
    else if (r == -EPIPE)
        because(why, "the server closed the connection without an echo");
    else if (r < 0)
        because(why, strerror(-r));
    if (r < 0)
        add_stray_to(why, &answer);
    talk->received = PROBE_SIZE;
    talk->answered = answer.any;
    talk->arrived = stream.arrived;
    probe_stream_free(&stream);
    probe_window_free(&window);
    return r == 0 && answer.right;
}

/* ---- a text ---- */

/* Waits for EVENTS until the deadline. Returns 0 or -ETIMEDOUT. */
static int await(const struct expectation *talk, short events)
{
    struct pollfd set = {.fd = talk->fd, .events = events};

    while (clock_now() < talk->deadline)
        if (poll(&set, 1, clock_timeout(talk->deadline)) > 0)
            return 0;
    return -ETIMEDOUT;
}

static int send_text(const struct expectation *talk)
{
    size_t done = 0;

    while (done < talk->send_len) {
        ssize_t n = send(talk->fd, talk->send + done, talk->send_len - done, MSG_NOSIGNAL);
        if (n > 0)
            done += (size_t)n;
        else if (errno != EAGAIN)
            return -errno;
        else if (await(talk, POLLOUT) < 0)
            return -ETIMEDOUT;
    }
    return 0;
}

static bool is_right(const struct expectation *talk, const char *answer)
{
    if (talk->expect)
        return memmem(answer, talk->received, talk->expect, strlen(talk->expect));
    return talk->received == talk->send_len && memcmp(answer, talk->send, talk->send_len) == 0;
}

/* Whether the answer is already wrong, whatever follows. */
static bool is_wrong(const struct expectation *talk, const char *answer)
{
    if (talk->received == ANSWER_MAX)
        return true;
    return !talk->expect &&
           (talk->received > talk->send_len || memcmp(answer, talk->send, talk->received) != 0);
}

/* Receives until the result is certain. Returns 0 if the answer is right, 1 if not, or -errno. */
static int receive_text(struct expectation *talk, char *answer)
{
    while (!is_right(talk, answer)) {
        if (is_wrong(talk, answer))
            return 1;
        if (await(talk, POLLIN) < 0)
            return -ETIMEDOUT;
        ssize_t n = stamp_recv(talk->fd, answer + talk->received, ANSWER_MAX - talk->received,
                               &talk->arrived);
        if (n == 0 && talk->type != SOCK_DGRAM)
            return 1;
        if (n < 0 && errno != EAGAIN)
            return -errno;
        talk->received += n > 0 ? (size_t)n : 0;
        talk->answered = talk->answered || n >= 0;
    }
    return 0;
}

/* Describes the unexpected answer, truncated to fit a line. */
static bool unexpected(const struct expectation *talk, const char *answer, char *why)
{
    char text[ESCAPED_SIZE(SHOWN)];
    bool cut = talk->received > SHOWN;
    size_t shown = cut ? SHOWN : talk->received;

    if (talk->received == 0)
        return because(why, "the server closed the connection without a reply");
    escape_bytes(text, answer, shown, NULL);
    for (char *p = text; *p; p++) /* after a |, it would be taken for performance data */
        *p = *p == '|' ? '/' : *p;
    snprintf(why, EXPECT_WHY_MAX, "unexpected reply: %s%s", text, cut ? "..." : "");
    return false;
}

static bool ask_text(struct expectation *talk, char *why)
{
    char answer[ANSWER_MAX];

    stamp_enable(talk->fd);
    int r = send_text(talk);

    if (r == 0)
        r = receive_text(talk, answer);
    if (r == -ETIMEDOUT && talk->received == 0)
        return because(why, "timed out waiting for a reply");
    if (r == -ETIMEDOUT || r == 1)
        return unexpected(talk, answer, why);
    return r == 0 || because(why, strerror(-r));
}

bool expect_answer(struct expectation *talk, char *why)
{
    return talk->send || talk->expect ? ask_text(talk, why) : ask_probe(talk, why);
}
