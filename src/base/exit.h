/*
 * Exit statuses, from sysexits(3).
 */
#ifndef ECHOD_BASE_EXIT_H
#define ECHOD_BASE_EXIT_H

#define EXIT_USAGE 64
#define EXIT_DATAERR 65
#define EXIT_UNAVAILABLE 69
#define EXIT_SOFTWARE 70
#define EXIT_OSERR 71
#define EXIT_CANTCREAT 73
#define EXIT_IOERR 74
#define EXIT_NOPERM 77
#define EXIT_CONFIG 78

#endif
