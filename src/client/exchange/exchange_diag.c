#include "client/exchange/exchange_diag.h"

#include "base/clock.h"
#include "base/duration.h"
#include "base/exit.h"
#include "base/text.h"
#include "client/command/common_options.h"
#include "client/command/status.h"
#include "client/connect/connect_diag.h"
#include "client/io/diag.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define COUNT_TEXT_MAX 32

void exchange_diag_connected(int sock, const struct address *peer, const struct exchange_plan *plan,
                             int verbosity)
{
    char from[ADDRESS_TEXT_MAX] = "?", to[ADDRESS_TEXT_MAX];
    struct address local;

    address_format(peer, to, sizeof(to));
    if (address_local(&local, sock) == 0)
        address_format(&local, from, sizeof(from));
    if (verbosity >= VERBOSITY_VERBOSE)
        diag_say("connected from %s to %s", from, to);
    else if (verbosity >= VERBOSITY_NORMAL && plan->interactive && !plan->verify)
        diag_say("connected to %s; Ctrl-D ends", to);
}

/* Formats "1 byte" or "2 bytes" in BUF, of COUNT_TEXT_MAX bytes. */
static const char *bytes(uint64_t count, char *buf)
{
    snprintf(buf, COUNT_TEXT_MAX, "%" PRIu64 " byte%s", count, plural(count));
    return buf;
}

static double seconds(uint64_t usec)
{
    return (double)usec / (double)USEC_PER_SEC;
}

/* The server closed the connection too early, or it broke. */
static int report_closed(const struct exchange_result *r, const char *peer, bool verify)
{
    char got[COUNT_TEXT_MAX], line[ADDRESS_TEXT_MAX] = "";
    bool reset = r->ending == ENDED_BROKEN && r->error == -ECONNRESET;

    if (r->ending == ENDED_BROKEN && !reset)
        text_append(line, sizeof(line), "the connection to %s broke", peer);
    else
        text_append(line, sizeof(line), "%s %s the connection", peer, reset ? "reset" : "closed");
    if (r->received == 0)
        text_append(line, sizeof(line), " without a reply");
    else
        text_append(line, sizeof(line), " after %s", bytes(r->received, got));
    if (!r->complete)
        text_append(line, sizeof(line), ", before everything was sent");
    else if (verify && r->received > 0 && r->received < r->sent)
        text_append(line, sizeof(line), " of the %" PRIu64 " that were sent", r->sent);
    if (r->ending == ENDED_BROKEN && !reset)
        text_append(line, sizeof(line), ": %s", strerror(-r->error));
    diag_say("%s", line);
    return ECHOC_CLOSED;
}

/* For datagrams: the host has reported that nobody listens there. */
static int report_refused(const struct address *peer)
{
    connect_diag_refused(&(struct attempt){.address = *peer, .error = -ECONNREFUSED});
    return EXIT_UNAVAILABLE;
}

static int report_silence(const struct exchange_result *r, const char *peer, uint64_t timeout)
{
    char span[DURATION_TEXT_MAX], got[COUNT_TEXT_MAX];

    if (r->unanswered > 0) /* each has been reported */
        return ECHOC_SILENT;
    duration_format(timeout, span, sizeof(span));
    if (r->received == 0)
        diag_say("connected to %s, but no reply within %s", peer, span);
    else
        diag_say("%s sent %s, then nothing within %s", peer, bytes(r->received, got), span);
    return ECHOC_SILENT;
}

/* Formats a byte, or -1 for none, in BUF, of COUNT_TEXT_MAX bytes. */
static const char *byte(int value, char *buf)
{
    snprintf(buf, COUNT_TEXT_MAX, value < 0 ? "nothing" : "0x%02x", (unsigned)value);
    return buf;
}

static int report_difference(const struct exchange_result *r, const char *peer)
{
    char message[48] = "", sent[COUNT_TEXT_MAX], got[COUNT_TEXT_MAX];

    if (r->messages > 0)
        snprintf(message, sizeof(message), " to message %" PRIu64, r->messages);
    diag_say("%s: the reply%s differs at byte %" PRIu64 " (sent %s, got %s)%s", peer, message,
             r->differs_at, byte(r->expected, sent), byte(r->got, got),
             r->differs_at == 1 ? "; a greeting also counts as a difference" : "");
    return ECHOC_DIFFERS;
}

static int report_local(const struct exchange_result *r)
{
    const char *why = strerror(-r->error);

    if (r->ending == ENDED_SYSTEM) {
        diag_say("cannot continue: %s", why);
        return EXIT_OSERR;
    }
    if (r->ending == ENDED_INPUT)
        diag_say("cannot read standard input: %s", why);
    else if (r->error != 0 && r->error != -EPIPE) /* EPIPE: the reader, such as head(1), has left */
        diag_say("cannot write standard output: %s", why);
    return EXIT_IOERR;
}

static int report_success(const struct exchange_result *r, const char *peer,
                          const struct exchange_plan *plan, int verbosity)
{
    char sent[COUNT_TEXT_MAX], got[COUNT_TEXT_MAX];

    if (verbosity == VERBOSITY_QUIET)
        return ECHOC_OK;
    if (plan->verify)
        diag_say("%s returned all %s as sent in %.3f s", peer, bytes(r->sent, sent),
                 seconds(r->duration));
    else if (plan->interactive && !r->half_closed)
        diag_say("%s closed the connection", peer);
    if (!plan->verify && verbosity >= VERBOSITY_VERBOSE)
        diag_say("sent %s to %s, got %s in %.3f s", bytes(r->sent, sent), peer,
                 bytes(r->received, got), seconds(r->duration));
    return ECHOC_OK;
}

/* Whether the server may close now: everything was sent and answered; with --verify, every byte. */
static bool is_answered(const struct exchange_result *r, bool verify)
{
    return r->complete && (verify ? r->received == r->sent : r->received > 0 || r->sent == 0);
}

int exchange_diag_result(const struct exchange_result *result, const struct address *peer,
                         const struct exchange_plan *plan, int verbosity)
{
    char text[ADDRESS_TEXT_MAX];

    address_format(peer, text, sizeof(text));
    switch (result->ending) {
    case ENDED_CLOSED:
        if (is_answered(result, plan->verify))
            return report_success(result, text, plan, verbosity);
        return report_closed(result, text, plan->verify);
    case ENDED_BROKEN:
        if (result->messages > 0 && result->error == -ECONNREFUSED)
            return report_refused(peer);
        return report_closed(result, text, plan->verify);
    case ENDED_SILENT:
        return report_silence(result, text, plan->timeout);
    case ENDED_DIFFERENT:
        return report_difference(result, text);
    case ENDED_TOO_LONG:
        diag_say("message %" PRIu64 " is too long for a datagram to %s", result->messages, text);
        return EXIT_DATAERR;
    case ENDED_INPUT:
    case ENDED_OUTPUT:
    case ENDED_SYSTEM:
        break;
    }
    return report_local(result);
}
