/*
 * Which file a reload executes.
 */
#ifndef ECHOD_DAEMON_PROCESS_EXECUTABLE_H
#define ECHOD_DAEMON_PROCESS_EXECUTABLE_H

/*
 * The absolute path that this program was started from as NAME, argv[0], symbolic links as they
 * are, so that a reload executes what they lead to then. Where NAME, of a shell that was asked to
 * lie, leads to another file, it is the path of the program itself. It needs no /proc. The caller
 * frees it.
 */
char *executable_path(const char *name);

#endif
