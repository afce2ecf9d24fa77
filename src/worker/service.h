/*
 * The services: what each does with a client's bytes until it ends.
 */
#ifndef ECHOD_WORKER_SERVICE_H
#define ECHOD_WORKER_SERVICE_H

#include "worker/stream.h"
#include "worker/worker.h"

/* Each returns why it ended: 0 as the client closed, an enum end, or -errno of its stream. */
int serve_echo(struct stream *stream, const struct job *job);    /* RFC 862 */
int serve_discard(struct stream *stream, const struct job *job); /* RFC 863 */
int serve_message(struct stream *stream, const struct job *job);
int serve_daytime(struct stream *stream, const struct job *job); /* RFC 867 */
int serve_chargen(struct stream *stream, const struct job *job); /* RFC 864 */
int serve_whoami(struct stream *stream, const struct job *job);  /* what we know of the client */

#endif
