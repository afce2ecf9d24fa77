/*
 * The services.
 */
#ifndef ECHOD_SERVICE_SERVICE_H
#define ECHOD_SERVICE_SERVICE_H

#include "ipc/end.h"
#include "ipc/job.h"
#include "ipc/store.h"
#include "service/stream.h"

/* What a service knows about its client. */
struct session {
    const struct service_options *options;
    struct slot *slot;
    struct store *store; /* stores messages if service = message, else NULL */
    struct address peer;
    struct address proxy;       /* the peer of the socket if it is a proxy, else len 0 */
    struct address destination; /* where PEER connected to, by the PROXY header, else len 0 */
};

/* Each returns why it ended: 0 if the client closed, an enum end, or -errno of its stream. */
int serve_echo(struct stream *stream, const struct session *session);    /* RFC 862 */
int serve_discard(struct stream *stream, const struct session *session); /* RFC 863 */
int serve_message(struct stream *stream, const struct session *session);
int serve_daytime(struct stream *stream, const struct session *session); /* RFC 867 */
int serve_chargen(struct stream *stream, const struct session *session); /* RFC 864 */
int serve_whoami(struct stream *stream, const struct session *session);  /* describes it */

#endif
