#include "worker/worker.h"

#include "base/clock.h"
#include "service/service.h"
#include "worker/access_request.h"
#include "worker/proxy.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* How long a proxy may take to send the header. */
#define HEADER_TIME (3 * USEC_PER_SEC)

/* For the signal handler. stopping_socket is the client's socket, or 0 in a datagram worker, whose
 * socket also belongs to the daemon. stopping: SIGTERM has arrived. cut: it arrived before the
 * client had ended its stream, so the end of the stream is not the client's. */
static int stopping_socket;
static volatile sig_atomic_t stopping, cut;
static sigset_t sigterm; /* set before the fork, since each page that a worker writes costs time */

/*
 * SIGTERM ends the worker. After SHUT_RD, recv(2) returns what has already arrived, and then 0. So
 * everything is answered, and there is no race between the signal and a wait.
 */
static void on_sigterm(int signal_number)
{
    struct pollfd polled = {.fd = stopping_socket - 1, .events = POLLRDHUP};
    int kept = errno;

    (void)signal_number;
    if (!stopping)
        cut = poll(&polled, 1, 0) <= 0 || !(polled.revents & POLLRDHUP);
    stopping = 1;
    if (stopping_socket > 0)
        shutdown(stopping_socket - 1, SHUT_RD);
    errno = kept;
}

void worker_handle_signals(void)
{
    struct sigaction action = {.sa_handler = on_sigterm, .sa_flags = SA_RESTART};

    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    sigemptyset(&sigterm);
    sigaddset(&sigterm, SIGTERM);
}

/* A raw system call, because the page of sigprocmask(3) would cost each worker a page fault. */
static void take_sigterm(int client)
{
    stopping_socket = client + 1;
    syscall(SYS_rt_sigprocmask, SIG_UNBLOCK, &sigterm, NULL, _NSIG / 8);
}

/* From now on, the client is the one that the proxy named. */
static void apply_proxy_header(const struct worker *worker, struct session *session,
                               const struct proxied *proxied)
{
    char title[JOB_TITLE_MAX];

    if (proxied->source.len == 0)
        return;
    session->proxy = session->peer;
    session->peer = proxied->source;
    session->destination = proxied->destination;
    title_replace(worker->title,
                  job_title(worker->socket, session->options, &session->peer, title));
}

/*
 * Reads the PROXY header, which names the client, and asks the daemon whether the client may be
 * served. Returns 0 if so, an enum end, or -errno. Not inlined, because its variables would cost
 * every worker another page of stack.
 */
NOINLINE static int read_proxy_header(const struct worker *worker, struct stream *stream,
                                      struct session *session)
{
    struct proxied proxied;
    struct slot *slot = session->slot;
    int r = proxy_receive(stream, clock_now() + HEADER_TIME,
                          (enum proxy_protocol)session->options->proxy, &proxied);

    if (r != 0)
        return r;
    apply_proxy_header(worker, session, &proxied);
    r = access_request(slot, worker->doorbell, &proxied.source, &stopping);
    if (r == END_REFUSED)
        stream_send(stream, slot->refusal, strnlen(slot->refusal, SLOT_REFUSAL_MAX));
    if (r != -ETIME)
        return r;
    atomic_store(&slot->error, ETIME);
    return END_SETUP;
}

static int serve_as_configured(struct stream *stream, const struct session *session)
{
    switch ((enum service)session->options->service) {
    case SERVICE_ECHO:
        return serve_echo(stream, session);
    case SERVICE_DISCARD:
        return serve_discard(stream, session);
    case SERVICE_MESSAGE:
        return serve_message(stream, session);
    case SERVICE_DAYTIME:
        return serve_daytime(stream, session);
    case SERVICE_CHARGEN:
        return serve_chargen(stream, session);
    case SERVICE_WHOAMI:
        return serve_whoami(stream, session);
    }
    return END_SETUP;
}

static int serve(struct stream *stream, const struct session *session)
{
    const struct text *greeting = &session->options->greeting;
    int r = stream_send(stream, greeting->data, greeting->len);

    if (r == 0)
        r = serve_as_configured(stream, session);
    if (r > 0)
        stream_linger(stream); /* the worker closes first */
    return r;
}

/* Whether the socket error ERROR means that retransmissions or keepalives were not answered. It is
 * ETIMEDOUT, or the error of the last ICMP message or of a failed neighbour lookup (tcp(7)). */
static bool has_vanished(int error)
{
    return error == ETIMEDOUT || error == EHOSTUNREACH || error == ENETUNREACH ||
           error == EHOSTDOWN || error == ENETDOWN || error == ENONET;
}

/* Returns the enum end for the result R of a service. */
static int classify(int r, struct slot *slot)
{
    switch (r) {
    case 0:
        return END_CLOSED;
    case -ESHUTDOWN:
        return END_STOPPED;
    case STREAM_IDLE:
        return END_IDLE;
    case -ETIME:
        return END_SESSION;
    case -EMSGSIZE:
        return END_TOO_LONG;
    case -ECONNRESET:
    case -EPIPE:
        return stopping ? END_STOPPED : END_RESET;
    default:
        break;
    }
    if (r > 0)
        return r;
    atomic_store(&slot->error, -r);
    return has_vanished(-r) ? END_VANISHED : END_IO;
}

/* Returns as serve(). */
static int run(const struct worker *worker, struct stream *stream, struct session *session)
{
    struct slot *slot = session->slot;
    int r = session->options->proxy == PROXY_NO ? 0 : read_proxy_header(worker, stream, session);

    if (r == 0) {
        atomic_store(&slot->state, SLOT_SERVING);
        return serve(stream, session);
    }
    if (!stopping)
        return r;
    atomic_store(&slot->error, 0); /* the error is only why the answer was not sent */
    return -ESHUTDOWN;
}

void worker_run(const struct worker *given)
{
    const struct job *job = given->job;
    struct store store = {.fd = given->store};
    struct session session = {.options = &job->options,
                              .slot = given->slot,
                              .store = given->store >= 0 ? &store : NULL,
                              .peer = job->peer};
    struct stream stream;

    take_sigterm(given->socket);
    title_replace(given->title, job->title.data);
    stream_init(&stream, given->socket, given->slot, job->idle_timeout, job->session_timeout);
    stream.cut = &cut;
    int r = run(given, &stream, &session);
    if (address_is_ip(&job->peer))
        tcp_stats_get(&given->slot->tcp, given->socket);
    atomic_store(&given->slot->state, SLOT_ENDING);
    _exit(classify(r, given->slot));
}
