/*
 * The exit statuses of echoc.
 */
#ifndef ECHOD_CLIENT_COMMAND_STATUS_H
#define ECHOD_CLIENT_COMMAND_STATUS_H

/*
 * For send. It also uses these from base/exit.h: EXIT_USAGE for a wrong command line, EXIT_DATAERR
 * for a message that does not fit into a datagram, EXIT_UNAVAILABLE if no connection could be made
 * (name, address, refusal, timeout), EXIT_IOERR for errors of standard input and output, EXIT_OSERR
 * if the system is short of resources.
 */
#define ECHOC_OK 0      /* success; with --verify, every byte is the same */
#define ECHOC_DIFFERS 1 /* --verify: a received byte differs from the one sent */
#define ECHOC_SILENT 3  /* connected, but nothing (more) arrived within the timeout */
#define ECHOC_CLOSED 4  /* the connection ended before everything was sent or answered */

/* For all other verbs, as in ping(8). */
#define VERB_WELL 0   /* everything is as it should be */
#define VERB_BAD 1    /* no connection, no reply, or a faulty one */
#define VERB_UNABLE 2 /* it could not be tried: command line, unknown name, lack of resources */

#endif
