/*
 * echoctl: controls a running echod through its control socket.
 */
#ifndef ECHOD_CTL_CTL_H
#define ECHOD_CTL_CTL_H

/*
 * Exit statuses besides EXIT_USAGE: 0 success; 1 echod rejected it; and, as LSB defines them for
 * "status", 3 it is not running, 4 its state is unknown.
 */
#define CTL_FAILED 1
#define CTL_NOT_RUNNING 3
#define CTL_UNKNOWN 4

/* The whole program, from its command line to its exit status, which it returns. */
int ctl_main(int argc, char **argv);

#endif
