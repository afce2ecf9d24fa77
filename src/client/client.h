/*
 * echoc: connects to an echo or message service, sends, and shows what comes back.
 */
#ifndef ECHOD_CLIENT_CLIENT_H
#define ECHOD_CLIENT_CLIENT_H

/*
 * What echoc exits with. Beside these, from base/util.h: EXIT_USAGE for a wrong command line,
 * EXIT_DATAERR for what does not fit into a datagram, EXIT_UNAVAILABLE where no connection could be
 * made (name, address, refusal, timeout), EXIT_IOERR for standard input and output, EXIT_OSERR
 * where the system ran short.
 */
#define ECHOC_OK 0 /* replied, then closed in good order; with --verify: byte for byte the same */
#define ECHOC_DIFFERS 1 /* --verify: a byte came that was not the one sent */
#define ECHOC_SILENT 3  /* connected, but nothing (more) came within the timeout */
#define ECHOC_CLOSED 4  /* the connection ended too early: before all was sent, or answered */

/* The whole program, from its command line to its exit status, which it returns. */
int client_main(int argc, char **argv);

#endif
