#include "daemon/supervise/jobs.h"

#include "base/fd.h"

#include <stdio.h>
#include <string.h>

uint64_t jobs_client_id(struct jobs *jobs, size_t index)
{
    return job_id(++jobs->last, index, false);
}

uint64_t jobs_datagram_id(struct jobs *jobs, size_t index)
{
    return job_id(++jobs->last, index, true);
}

uint64_t jobs_newest(const struct jobs *jobs)
{
    return job_id(jobs->last + 1, 0, false) - 1;
}

/* Returns the options of LISTEN that its workers need. */
static struct service_options options_of(const struct listen_settings *listen)
{
    struct service_options options = {
        .service = listen->service,
        .protocol = listen->protocol,
        .proxy = listen->proxy_protocol,
        .max_message = listen->max_message,
        .max_messages = listen->max_messages,
        .message_pause = listen->message_pause,
        .greeting = listen->greeting,
        .reply = listen->reply,
    };

    snprintf(options.listener, sizeof(options.listener), "%s", listen->name);
    return options;
}

/* Connects JOB to the scribe if its service stores messages, and submits it. */
static int submit(struct jobs *jobs, struct job *job, struct submitted *submitted)
{
    submitted->store = 0;
    job->store = -1;
    if (job->options.service == SERVICE_MESSAGE) {
        /* Behind a proxy, this is the source of the proxy, as the client is not known yet. */
        struct source_key source = address_source(&job->peer, &jobs->settings->source_prefix);
        job->store = scribe_process_connect(jobs->scribe, &source, &submitted->store);
        if (job->store < 0)
            return job->store;
    }
    int r = fork_servers_submit(jobs->servers, job, &submitted->server);
    fd_close(&job->store);
    if (r < 0)
        scribe_process_disconnect(jobs->scribe, submitted->store);
    return r;
}

int jobs_submit_client(struct jobs *jobs, struct submitted *submitted, int client,
                       const struct address *peer, const struct listen_settings *listen,
                       const char *refusal)
{
    const struct service_options options = options_of(listen);
    char title[JOB_TITLE_MAX];
    struct job job = {.id = submitted->id,
                      .kind = JOB_CLIENT,
                      .slot = (uint32_t)job_index(submitted->id),
                      .peer = *peer,
                      .options = options,
                      .idle_timeout = jobs->settings->idle_timeout,
                      .session_timeout = jobs->settings->session_timeout,
                      .title = {.data = title, .len = 0},
                      .refusal = {.data = (char *)refusal, .len = strlen(refusal)},
                      .socket = client,
                      .slots = -1};

    job.title.len = strlen(job_title(-1, &options, peer, title));
    return submit(jobs, &job, submitted);
}

int jobs_submit_datagrams(struct jobs *jobs, struct submitted *submitted, int socket, int slots,
                          const struct address *address, const struct listen_settings *listen,
                          const struct ports *own_ports)
{
    struct job job = {.id = submitted->id,
                      .kind = JOB_DATAGRAMS,
                      .slot = (uint32_t)job_index(submitted->id),
                      .peer = *address,
                      .options = options_of(listen),
                      .datagrams = {.allow = listen->allow,
                                    .deny = listen->deny,
                                    .own_ports = *own_ports,
                                    .rate = listen->datagram_rate,
                                    .source_prefix = jobs->settings->source_prefix},
                      .socket = socket,
                      .slots = slots};

    return submit(jobs, &job, submitted);
}

void jobs_done(struct jobs *jobs, uint32_t number, uint32_t store, bool started)
{
    fork_servers_done(jobs->servers, number, started);
    scribe_process_disconnect(jobs->scribe, store);
}
