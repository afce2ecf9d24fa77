#include "worker/worker.h"

#include "base/span.h"
#include "base/util.h"
#include "worker/ask.h"
#include "worker/proxy.h"
#include "worker/service.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* How long a proxy has for its header. */
#define HEADER_TIME (3 * USEC_PER_SEC)

/* What a signal handler may use: the client's socket, and that the signal came. */
static int stopping_socket = -1;
static volatile sig_atomic_t stopping;

/*
 * The daemon wants the worker to end. With its reading side shut, a receive gives what has come
 * already and then the end of the stream: so it is answered in full, and no wait can be missed.
 */
static void on_sigterm(int signal_number)
{
    int kept = errno;

    (void)signal_number;
    stopping = 1;
    shutdown(stopping_socket, SHUT_RD);
    errno = kept;
}

static void set_up_signals(int client)
{
    struct sigaction action = {.sa_handler = on_sigterm, .sa_flags = SA_RESTART};
    sigset_t unblocked;

    stopping_socket = client;
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    sigemptyset(&unblocked);
    sigaddset(&unblocked, SIGTERM);
    sigprocmask(SIG_UNBLOCK, &unblocked, NULL);
}

static void set_title(const struct job *job)
{
    char peer[ADDRESS_TEXT_MAX];

    title_set(job->title, "echod: %s %s %s", address_format(&job->peer, peer, sizeof(peer)),
              job->listen->name, service_name(job->listen->service));
}

/* The client, from here on, is the one that the proxy told of. */
static void stand_in(struct job *job, const struct proxied *told)
{
    if (told->source.len == 0)
        return;
    job->proxy = job->peer;
    job->peer = told->source;
    job->destination = told->destination;
    set_title(job);
}

/*
 * What comes before the service where a proxy is in between: its header tells who the client is,
 * and the daemon, whether it is to be served.
 * Returns 0 if so, an enum end, or -errno.
 */
static int introduce(struct stream *stream, struct job *job)
{
    struct proxied told;
    int r = proxy_receive(stream, clock_now() + HEADER_TIME, job->listen->proxy_protocol, &told);

    if (r != 0)
        return r;
    stand_in(job, &told);
    r = ask_daemon(job, &told.source, &stopping);
    if (r == END_REFUSED)
        stream_send(stream, job->slot->words, strnlen(job->slot->words, SLOT_WORDS_MAX));
    if (r != -ETIME)
        return r;
    atomic_store(&job->slot->error, ETIME);
    return END_SETUP;
}

static int serve_as_configured(struct stream *stream, const struct job *job)
{
    switch ((enum service)job->listen->service) {
    case SERVICE_ECHO:
        return serve_echo(stream, job);
    case SERVICE_DISCARD:
        return serve_discard(stream, job);
    case SERVICE_MESSAGE:
        return serve_message(stream, job);
    case SERVICE_DAYTIME:
        return serve_daytime(stream, job);
    case SERVICE_CHARGEN:
        return serve_chargen(stream, job);
    case SERVICE_WHOAMI:
        return serve_whoami(stream, job);
    }
    return END_SETUP;
}

static int serve(struct stream *stream, const struct job *job)
{
    int r = stream_send(stream, job->listen->greeting.data, job->listen->greeting.len);

    if (r == 0)
        r = serve_as_configured(stream, job);
    if (r > 0)
        stream_linger(stream); /* it is we who end it */
    return r;
}

/* The enum end for what a service returned. */
static int classify(int r, struct slot *slot)
{
    switch (r) {
    case 0:
        return stopping ? END_STOPPED : END_CLOSED;
    case -ETIMEDOUT:
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
    return END_IO;
}

NORETURN static void refuse(const struct job *job, int error)
{
    atomic_store(&job->slot->error, error);
    _exit(END_SETUP);
}

NORETURN void worker_run(const struct job *given)
{
    struct job job = *given;
    const int kept[] = {job.client, INSTRUMENTED ? STDERR_FILENO : -1};
    struct stream stream;
    int r = fd_close_from_but(0, kept, ARRAY_SIZE(kept));

    if (r < 0)
        refuse(&job, -r);
    set_up_signals(job.client);
    set_title(&job);
    stream_init(&stream, job.client, job.slot, job.idle_timeout, job.session_timeout);
    r = job.listen->proxy_protocol == PROXY_NO ? 0 : introduce(&stream, &job);
    if (r == 0) {
        atomic_store(&job.slot->state, SLOT_SERVING);
        r = serve(&stream, &job);
    } else if (stopping) { /* that is why the header was cut off, or the question not answered */
        atomic_store(&job.slot->error, 0);
        r = 0;
    }
    atomic_store(&job.slot->state, SLOT_ENDING);
    _exit(classify(r, job.slot));
}
