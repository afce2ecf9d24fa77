/*
 * echoc: connects to an echo or message service, sends, and shows what comes back.
 */
#ifndef ECHOD_CLIENT_ECHOC_H
#define ECHOD_CLIENT_ECHOC_H

/* The whole program, from its command line to its exit status, which it returns. */
int echoc_main(int argc, char **argv);

#endif
