/*
 * check_echo: the client as a plugin for monitoring systems (Icinga, Nagios and others). Follows
 * the Monitoring Plugins Development Guidelines: one line with performance data, four exit
 * statuses.
 */
#ifndef ECHOD_CLIENT_PLUGIN_CHECK_ECHO_H
#define ECHOD_CLIENT_PLUGIN_CHECK_ECHO_H

#define CHECK_OK 0
#define CHECK_WARNING 1
#define CHECK_CRITICAL 2
#define CHECK_UNKNOWN 3

/* Runs the program. Returns its exit status. */
int check_main(int argc, char **argv);

#endif
