/*
 * Requests from the daemon to a fork server: first the setup, with what all workers have in common,
 * then a job for each worker, which contains all that it needs and nothing else.
 */
#ifndef ECHOD_IPC_JOB_H
#define ECHOD_IPC_JOB_H

#include "base/text.h"
#include "net/address.h"
#include "net/cidr.h"
#include "net/rate.h"
#include "net/service.h"

#include <stdint.h>
#include <sys/types.h>

/* The version of all formats below: a fork server of a different version gets no jobs. */
#define JOB_VERSION 2

enum request_kind {
    REQUEST_SETUP = 1, /* the first message only */
    REQUEST_JOB,
    REQUEST_HOLD,    /* stop reaping, and confirm by REPORT_HELD */
    REQUEST_RELEASE, /* continue reaping */
};

/* What all workers have in common. */
struct setup {
    uint32_t uid, gid;   /* to become, if root; (uint32_t)-1: no change */
    uint32_t core_dumps; /* whether a crash may write a core file */
    int slots;           /* the memory of the slots, and */
    int doorbell;        /* the eventfd(2) by which a worker has the daemon look at its slot */
};

/* The part of a listener's configuration that its workers need. */
struct service_options {
    char listener[LISTENER_NAME_SIZE];
    uint32_t service;     /* enum service */
    uint32_t protocol;    /* enum protocol */
    uint32_t proxy;       /* enum proxy_protocol */
    uint64_t max_message; /* bytes */
    uint64_t max_messages;
    uint64_t message_pause; /* microseconds */
    struct text greeting, reply;
};

/* The ports on which the daemon takes datagrams. */
struct ports {
    uint16_t *item;
    size_t count;
};

/* The rules and the rate limit of a datagram worker. */
struct datagram_options {
    struct cidrs allow, deny;
    struct ports own_ports;
    struct rate rate;
    struct source_prefix source_prefix;
};

enum job_kind { JOB_CLIENT = 1, JOB_DATAGRAMS };

struct job {
    uint64_t id;         /* never used twice */
    uint32_t kind;       /* enum job_kind */
    uint32_t slot;       /* the number of its page */
    struct address peer; /* of the client; of JOB_DATAGRAMS the socket's own address */
    struct service_options options;
    uint64_t idle_timeout, session_timeout; /* microseconds, 0: none; of JOB_CLIENT */
    struct datagram_options datagrams;      /* of JOB_DATAGRAMS */
    struct text title;                      /* of the process; of JOB_CLIENT */
    struct text refusal;                    /* sent to the client if no worker can be forked */
    int socket;
    int store; /* a connection to the scribe (ipc/store.h), if its service stores something; or -1
                */
    int slots; /* the memory that SLOT is a page of; -1: that of the setup */
};

/* The longest request; a longer job is sent as a file (job_send()). */
#define REQUEST_MAX (16 * 1024)

/* Send over CHANNEL. The descriptors stay the caller's. Return 0 or an error of channel_send();
 * -EMSGSIZE: the job has more networks than a fork server takes. */
int setup_send(int channel, const struct setup *setup);
int job_send(int channel, const struct job *job);
int request_send(int channel, enum request_kind kind);

/* A request as it was received. What a job points at lies in BUF or FILE. */
struct request {
    enum request_kind kind;
    union {
        struct setup setup;
        struct job job;
    };
    void *file;  /* a job that is long; NULL: it is in BUF */
    size_t size; /* of what there is in FILE, or in BUF */
    _Alignas(16) char buf[REQUEST_MAX];
};

/*
 * Receives the next request; its descriptors are the caller's. Returns 1; 0: the other end is gone;
 * -EAGAIN: there is none; -EPROTO for what this version does not understand; or another -errno.
 */
int request_receive(int channel, struct request *request);

/* Erases REQUEST from memory, so that the next worker does not find it there. */
void request_forget(struct request *request);

/* The title of the process that serves PEER: writes it to BUF, of JOB_TITLE_MAX bytes, and returns
 * that. FD as in address_format_by(). */
#define JOB_TITLE_MAX (ADDRESS_TEXT_MAX + LISTENER_NAME_SIZE + 32)
const char *job_title(int fd, const struct service_options *options, const struct address *peer,
                      char *buf);

/* Closes the descriptors of JOB that are open. */
void job_close(struct job *job);

#endif
