/*
 * What echoc exits with.
 */
#ifndef ECHOD_CLIENT_COMMAND_STATUS_H
#define ECHOD_CLIENT_COMMAND_STATUS_H

/*
 * Of send. Beside these, from base/exit.h: EXIT_USAGE for a wrong command line, EXIT_DATAERR for
 * what does not fit into a datagram, EXIT_UNAVAILABLE where no connection could be made (name,
 * address, refusal, timeout), EXIT_IOERR for standard input and output, EXIT_OSERR where the system
 * ran short.
 */
#define ECHOC_OK 0 /* replied, then closed in good order; with --verify: byte for byte the same */
#define ECHOC_DIFFERS 1 /* --verify: a byte came that was not the one sent */
#define ECHOC_SILENT 3  /* connected, but nothing (more) came within the timeout */
#define ECHOC_CLOSED 4  /* the connection ended too early: before all was sent, or answered */

/* Of all other verbs, as of ping(8). */
#define VERB_WELL 0   /* everything came back as it was sent, or was as it was to be */
#define VERB_BAD 1    /* no connection, no reply, or something was wrong with it */
#define VERB_UNABLE 2 /* it could not be tried: command line, unknown name, our own system */

#endif
