#include "daemon/control/reports.h"

#include "base/clock.h"
#include "base/escape.h"
#include "net/listener.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

/* Returns the counters including those of running datagram workers, which may run as long as the
 * daemon. */
static struct counters counters_now(const struct report_source *source)
{
    const struct datagram_workers *datagrams = source->datagrams;
    struct counters counters = *source->sessions->counters;

    for (size_t i = 0; i < datagrams->count; i++) {
        if (!datagrams->item[i].job)
            continue;
        struct datagram_counters live =
            datagram_counters_of(slots_at(&datagrams->slots, datagrams->item[i].slot));
        counters.datagrams = datagram_counters_sum(&counters.datagrams, &live);
    }
    return counters;
}

/* Whether to print ROW: datagram counters are omitted if there has been no datagram socket. */
static bool concerns(const struct report_source *source, const struct counter_row *row)
{
    enum datagram_counter counter;

    return !counter_is_datagram(row, &counter) || source->datagrams->count > 0 ||
           datagram_counters_any(&source->sessions->counters->datagrams);
}

/* Lists the active protections, such as "user,seccomp,landlock-7", and the missing ones with
 * reasons. */
static void list_protections(const struct fork_servers *fs, char *active, char *missing,
                             size_t size)
{
    active[0] = missing[0] = '\0';
    for (unsigned i = 0; i < PROTECTION_COUNT && fs->known; i++) {
        const struct protection_state *state = &fs->protection[i];
        if (state->error == ECANCELED)
            text_append(missing, size, "%s%s (core_dumps = yes)", missing[0] ? ", " : "",
                        protection_name(i));
        else if (state->error)
            text_append(missing, size, "%s%s (%s)", missing[0] ? ", " : "", protection_name(i),
                        strerror(state->error));
        else if (state->level)
            text_append(active, size, "%s%s-%d", active[0] ? "," : "", protection_name(i),
                        state->level);
        else
            text_append(active, size, "%s%s", active[0] ? "," : "", protection_name(i));
    }
}

#define PROTECTIONS_MAX 512

void report_status(const struct report_source *source, FILE *to)
{
    char config[ESCAPED_SIZE(PATH_MAX)], active[PROTECTIONS_MAX], missing[PROTECTIONS_MAX];

    list_protections(source->fork_servers, active, missing, PROTECTIONS_MAX);
    escape_bytes(config, source->config, strnlen(source->config, PATH_MAX), "\\");
    uint64_t up = clock_now() - source->started;

    fprintf(to,
            "state=%s\tpid=%d\tuptime_seconds=%llu\tclients=%zu\tmax_clients=%llu\t"
            "listeners=%zu\tconfig=%s\tfork_servers=%zu\tprotections=%s\tunprotected=%s",
            source->serving ? "serving" : "stopping", (int)getpid(),
            (unsigned long long)(up / USEC_PER_SEC), source->sessions->roster.live,
            (unsigned long long)source->settings->max_clients, source->listeners->count, config,
            source->fork_servers->count, active, missing[0] ? missing : "none");
    struct counters counters = counters_now(source);
    for (size_t i = 0; i < counter_count; i++)
        if (concerns(source, &counter_table[i]))
            fprintf(to, "\t%s=%llu", counter_table[i].name,
                    (unsigned long long)*counter_of(&counters, &counter_table[i]));
    fputc('\n', to);
}

static const char *state_name(int state)
{
    static const char *const names[] = {
        [SLOT_STARTING] = "starting",
        [SLOT_SERVING] = "serving",
        [SLOT_ENDING] = "ending",
        [SLOT_ASKING] = "starting", /* behind a proxy: waits for the access decision */
    };

    return state >= 0 && state < (int)ARRAY_SIZE(names) ? names[state] : "?";
}

static void report_client(const struct client *client, const struct slot *slot, uint64_t now,
                          FILE *to)
{
    char peer[ADDRESS_TEXT_MAX];

    fprintf(to,
            "id=%d\tpeer=%s\tlistener=%s\tservice=%s\tstate=%s\tseconds=%llu\tbytes_in=%llu\t"
            "bytes_out=%llu\tmessages=%llu\n",
            client->pid ? (int)client->pid : slot->pid,
            address_format(&client->peer, peer, sizeof(peer)), client->listener,
            service_name(client->service), state_name(slot->state),
            (unsigned long long)((now - client->since) / USEC_PER_SEC),
            (unsigned long long)slot->bytes_in, (unsigned long long)slot->bytes_out,
            (unsigned long long)slot->messages);
}

void report_clients(const struct report_source *source, FILE *to)
{
    uint64_t now = clock_now();

    for (size_t i = 0; i < source->sessions->roster.used_clients; i++)
        if (source->sessions->roster.clients[i].job)
            report_client(&source->sessions->roster.clients[i],
                          slots_at(&source->sessions->slots, i), now, to);
}

void report_listeners(const struct report_source *source, FILE *to)
{
    static const char *const origins[] = {[LISTENER_OPENED] = "echod",
                                          [LISTENER_PASSED] = "socket-unit",
                                          [LISTENER_STORED] = "fd-store"};
    char address[ADDRESS_TEXT_MAX];

    for (size_t i = 0; i < source->listeners->count; i++) {
        const struct listener *l = &source->listeners->item[i];
        fprintf(to, "listener=%s\taddress=%s\tprotocol=%s\tservice=%s\tfrom=%s\n",
                l->settings->name, address_format(&l->address, address, sizeof(address)),
                protocol_name(l->settings->protocol), service_name(l->settings->service),
                origins[l->origin]);
    }
}

static void report_datagram(const struct datagram_workers *datagrams,
                            const struct datagram_worker *worker, FILE *to)
{
    struct datagram_counters counted = datagram_workers_counted(datagrams, worker);
    const uint64_t *count = counted.count;
    uint64_t lived = worker->job ? clock_now() - worker->since : 0;

    fprintf(to,
            "listener=%s\taddress=%s\tservice=%s\tpid=%d\tseconds=%llu\treceived=%llu\tsent=%llu\t"
            "bytes_in=%llu\tbytes_out=%llu\tmessages=%llu\tunanswered=%llu\toverflowed=%llu\n",
            worker->name, worker->address, service_name(worker->service),
            worker->job ? (int)worker->pid : 0, (unsigned long long)(lived / USEC_PER_SEC),
            (unsigned long long)count[COUNTER_IN], (unsigned long long)count[COUNTER_OUT],
            (unsigned long long)count[COUNTER_BYTES_IN],
            (unsigned long long)count[COUNTER_BYTES_OUT],
            (unsigned long long)count[COUNTER_MESSAGES],
            (unsigned long long)datagram_counters_unanswered(&counted),
            (unsigned long long)listener_overflow(worker->listener->fd));
}

void report_datagrams(const struct report_source *source, FILE *to)
{
    const struct datagram_workers *datagrams = source->datagrams;

    for (size_t i = 0; i < datagrams->count; i++)
        if (datagrams->item[i].listener)
            report_datagram(datagrams, &datagrams->item[i], to);
}

/* The label that distinguishes the series of instances whose files are collected together. */
static void label_format(const struct report_source *source, char *buf, size_t size)
{
    char safe[ESCAPED_SIZE(PATH_MAX)];

    escape_bytes(safe, source->config, strnlen(source->config, PATH_MAX), "\\");
    snprintf(buf, size, "config=\"");
    for (const char *p = safe; *p; p++)
        text_append(buf, size, *p == '"' || *p == '\\' ? "\\%c" : "%c", *p);
    text_append(buf, size, "\"");
}

/* The output, and the label of all series. */
struct metrics_report {
    FILE *to;
    char label[2 * ESCAPED_SIZE(PATH_MAX) + 16];
};

static void metric(const struct metrics_report *report, const char *name, const char *type,
                   const char *help, uint64_t value)
{
    fprintf(report->to, "# HELP echod_%s %s\n# TYPE echod_%s %s\nechod_%s{%s} %llu\n", name, help,
            name, type, name, report->label, (unsigned long long)value);
}

/* "0.0001", "5", "+Inf". */
static const char *bound_format(uint64_t usec, char *buf, size_t size)
{
    int len = snprintf(buf, size, "%llu.%06llu", (unsigned long long)(usec / USEC_PER_SEC),
                       (unsigned long long)(usec % USEC_PER_SEC));

    if (usec == UINT64_MAX)
        return "+Inf";
    while (buf[len - 1] == '0')
        buf[--len] = '\0';
    if (buf[len - 1] == '.')
        buf[--len] = '\0';
    return buf;
}

static void put_histogram(const struct metrics_report *report, const struct histogram_row *row,
                          const struct histogram *counted)
{
    FILE *to = report->to;
    uint64_t count = 0;
    char bound[48];

    fprintf(to, "# HELP echod_%s %s\n# TYPE echod_%s histogram\n", row->metric, row->help,
            row->metric);
    for (unsigned i = 0; i <= row->bounds; i++) {
        count += counted->count[i];
        fprintf(to, "echod_%s_bucket{%s,le=\"%s\"} %llu\n", row->metric, report->label,
                bound_format(histogram_bound(row, i), bound, sizeof(bound)),
                (unsigned long long)count);
    }
    fprintf(to, "echod_%s_sum{%s} %llu.%06llu\n", row->metric, report->label,
            (unsigned long long)(counted->sum / USEC_PER_SEC),
            (unsigned long long)(counted->sum % USEC_PER_SEC));
    fprintf(to, "echod_%s_count{%s} %llu\n", row->metric, report->label, (unsigned long long)count);
}

void report_metrics(const struct report_source *source, FILE *to)
{
    struct metrics_report report = {.to = to};
    struct counters counters = counters_now(source);

    label_format(source, report.label, sizeof(report.label));
    metric(&report, "clients", "gauge", "Clients that are being served.",
           source->sessions->roster.live);
    metric(&report, "clients_max", "gauge", "Clients that may be served at once.",
           source->settings->max_clients);
    metric(&report, "listeners", "gauge", "Listening sockets.", source->listeners->count);
    metric(&report, "uptime_seconds", "gauge", "Time since the start.",
           (clock_now() - source->started) / USEC_PER_SEC);
    for (size_t i = 0; i < counter_count; i++)
        metric(&report, counter_table[i].metric, "counter", counter_table[i].help,
               *counter_of(&counters, &counter_table[i]));
    for (size_t i = 0; i < histogram_count; i++)
        put_histogram(&report, &histogram_table[i],
                      histogram_of(&counters.sessions, &histogram_table[i]));
}
