#include "daemon/session/session_log.h"

#include "base/clock.h"

#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define CLAUSE_MAX 160

struct ending {
    enum event event;
    int priority;
    const char *reason; /* the value of ECHOD_REASON */
    char clause[CLAUSE_MAX];
};

/* Whether the worker was killed by SIGKILL, the last signal that the daemon sends. */
static bool is_cut(const struct session_end *end)
{
    return end->end_requested && WIFSIGNALED(end->status) && WTERMSIG(end->status) == SIGKILL;
}

/* Whether the session ended because its fork server did. */
static bool is_lost(const struct session_end *end)
{
    return end->status == SESSION_STATUS_UNKNOWN ||
           (end->lost && WIFEXITED(end->status) && WEXITSTATUS(end->status) == END_STOPPED);
}

bool session_is_fault(int status)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGABRT, SIGFPE, SIGTRAP, SIGSYS};

    for (size_t i = 0; i < ARRAY_SIZE(faults); i++)
        if (WIFSIGNALED(status) && WTERMSIG(status) == faults[i])
            return true;
    return WIFEXITED(status) && WEXITSTATUS(status) == END_SANDBOX;
}

bool session_crashed(const struct session_end *end)
{
    if (is_lost(end))
        return false;
    return WIFEXITED(end->status)
               ? !end_meaning(WEXITSTATUS(end->status)) || session_is_fault(end->status)
               : !is_cut(end);
}

static void explain_loss(struct ending *ending)
{
    ending->priority = LOG_WARNING;
    ending->reason = "lost";
    snprintf(ending->clause, CLAUSE_MAX, "ended because its fork server was killed");
}

static void explain_signal(struct ending *ending, int number, bool by_us)
{
    const char *name = sigabbrev_np(number);

    ending->priority = by_us ? LOG_INFO : LOG_WARNING;
    ending->reason = by_us ? "cut" : "killed";
    snprintf(ending->clause, CLAUSE_MAX,
             by_us ? "killed because it did not end when told to"
                   : "its worker was killed by signal %d (SIG%s)",
             number, name ? name : "?");
}

void session_log_call(char *clause, size_t size, int number)
{
    char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);

    text_append(clause, size, ": %s (%d)", name ? name : "call", number);
    free(name);
}

static void explain_status(struct ending *ending, int status, const struct slot *slot)
{
    const struct end_meaning *meaning = end_meaning(status);

    ending->priority = meaning ? meaning->priority : LOG_WARNING;
    ending->reason = meaning ? meaning->name : "unexpected";
    if (meaning)
        snprintf(ending->clause, CLAUSE_MAX, "%s", meaning->clause);
    else
        snprintf(ending->clause, CLAUSE_MAX, "its worker exited with the unexpected status %d",
                 status);
    if (status == END_SANDBOX)
        session_log_call(ending->clause, CLAUSE_MAX, slot->call);
    else if (slot->error)
        text_append(ending->clause, CLAUSE_MAX, ": %s", strerror(slot->error));
}

static void explain(struct ending *ending, const struct session_end *end, const struct slot *slot)
{
    ending->event = session_crashed(end) ? EVENT_CRASH : EVENT_SESSION;
    if (is_lost(end))
        explain_loss(ending);
    else if (WIFSIGNALED(end->status))
        explain_signal(ending, WTERMSIG(end->status), is_cut(end));
    else
        explain_status(ending, WEXITSTATUS(end->status), slot);
}

/* Whether the session looks like a health check: the client closed the connection without sending a
 * byte. Clients of chargen need not send anything. */
static bool is_probe(const struct client *client, const struct slot *slot, int status)
{
    bool silent = client->service == SERVICE_CHARGEN && client->standing == CLIENT_ADMITTED;

    return !silent && slot->bytes_in == 0 && WIFEXITED(status) &&
           (WEXITSTATUS(status) == END_CLOSED || WEXITSTATUS(status) == END_RESET);
}

/* "0.413 ms", "12.500 s": always three decimals, so that values are easy to compare. */
static const char *seconds_format(uint64_t usec, char *buf, size_t size)
{
    bool short_one = usec < USEC_PER_SEC;
    unsigned long long thousandths = short_one ? usec : usec / 1000;

    snprintf(buf, size, "%llu.%03llu %s", thousandths / 1000, thousandths % 1000,
             short_one ? "ms" : "s");
    return buf;
}

#define VIA_MAX (ADDRESS_TEXT_MAX + 16)

/* " by the proxy 198.51.100.1:80", or "" if PROXY is NULL or has a len of 0. */
static const char *via_format(const struct address *proxy, char *buf)
{
    char text[ADDRESS_TEXT_MAX];

    buf[0] = '\0';
    if (proxy && proxy->len > 0)
        snprintf(buf, VIA_MAX, " by the proxy %s", address_format(proxy, text, sizeof(text)));
    return buf;
}

static void add_proxy(struct record *record, const struct address *proxy)
{
    char text[ADDRESS_TEXT_MAX];

    if (proxy && proxy->len > 0)
        record_add(record, "ECHOD_PROXY", "%s", address_format(proxy, text, sizeof(text)));
}

/* Omits values that were not measured. */
static void add_tcp(struct record *record, const struct tcp_stats *tcp)
{
    if (!tcp->known)
        return;
    if (tcp->rtt)
        record_add_number(record, "ECHOD_RTT_USEC", tcp->rtt);
    if (tcp->min_rtt)
        record_add_number(record, "ECHOD_MIN_RTT_USEC", tcp->min_rtt);
    record_add_number(record, "ECHOD_RETRANSMITS", tcp->retransmits);
    record_add_number(record, "ECHOD_SEGMENTS_LOST", tcp->lost);
    if (tcp->delivery_rate)
        record_add_number(record, "ECHOD_DELIVERY_RATE", tcp->delivery_rate);
    record_add_number(record, "ECHOD_BUSY_USEC", tcp->busy);
    record_add_number(record, "ECHOD_RWND_LIMITED_USEC", tcp->rwnd_limited);
    record_add_number(record, "ECHOD_SNDBUF_LIMITED_USEC", tcp->sndbuf_limited);
    record_add(record, "ECHOD_LIMITED_BY", "%s",
               tcp_limit(tcp->busy, tcp->rwnd_limited, tcp->sndbuf_limited));
}

static void send_record(struct log *log, const struct ending *ending, const struct client *client,
                        const struct slot *slot, const struct session_end *end)
{
    char buf[RECORD_MAX], peer[ADDRESS_TEXT_MAX], via[VIA_MAX], duration[48];
    unsigned long long in = slot->bytes_in, out = slot->bytes_out, messages = slot->messages;
    struct record record;

    address_format(&client->peer, peer, sizeof(peer));
    record_start(&record, buf, sizeof(buf), ending->priority,
                 "session of %s%s on %s: %s; %llu byte%s in, %llu out, %s", peer,
                 via_format(&client->proxy, via), client->listener, ending->clause, in, plural(in),
                 out, seconds_format(end->usec, duration, sizeof(duration)));
    record_event(&record, ending->event);
    record_add(&record, "ECHOD_REASON", "%s", ending->reason);
    record_add(&record, "ECHOD_PEER", "%s", peer);
    add_proxy(&record, &client->proxy);
    record_add(&record, "ECHOD_LISTENER", "%s", client->listener);
    record_add(&record, "ECHOD_SERVICE", "%s", service_name(client->service));
    record_add_number(&record, "ECHOD_PID", (uint64_t)client->pid);
    record_add_number(&record, "ECHOD_BYTES_IN", in);
    record_add_number(&record, "ECHOD_BYTES_OUT", out);
    record_add_number(&record, "ECHOD_MESSAGES", messages);
    record_add_number(&record, "ECHOD_DURATION_USEC", end->usec);
    add_tcp(&record, &end->tcp);
    log_send(log, &record);
}

void session_describe(char *clause, size_t size, int status, const struct slot *slot)
{
    const struct session_end end = {.status = status};
    struct ending ending;

    explain(&ending, &end, slot);
    snprintf(clause, size, "%s", ending.clause);
}

void session_log_end(const struct session_log *to, const struct client *client,
                     const struct slot *slot, const struct session_end *end)
{
    struct ending ending;

    if (client->standing == CLIENT_REFUSED && !session_crashed(end))
        return; /* the decision has been logged already */
    explain(&ending, end, slot);
    if (is_probe(client, slot, end->status))
        ending.priority = LOG_DEBUG;
    bool serious = ending.priority <= LOG_WARNING;
    if (!(to->normal || serious) || !log_is_enabled(to->log, ending.priority))
        return;
    if (serious || log_is_enabled(to->log, LOG_DEBUG) ||
        log_limit_allows(to->limit, LOG_LIMIT_SESSIONS))
        send_record(to->log, &ending, client, slot, end);
}

void session_log_refusal(const struct session_log *to, const struct address *peer,
                         const struct address *proxy, const char *listener, const char *reason)
{
    char buf[RECORD_MAX], text[ADDRESS_TEXT_MAX], via[VIA_MAX];
    struct record record;

    if (!log_is_enabled(to->log, LOG_INFO))
        return;
    if (!log_is_enabled(to->log, LOG_DEBUG) && !log_limit_allows(to->limit, LOG_LIMIT_REFUSALS))
        return;
    address_format(peer, text, sizeof(text));
    record_start(&record, buf, sizeof(buf), LOG_INFO, "refused %s%s on %s: %s", text,
                 via_format(proxy, via), listener, reason);
    record_event(&record, EVENT_REFUSED);
    record_add(&record, "ECHOD_REASON", "%s", reason);
    record_add(&record, "ECHOD_PEER", "%s", text);
    add_proxy(&record, proxy);
    record_add(&record, "ECHOD_LISTENER", "%s", listener);
    log_send(to->log, &record);
}
