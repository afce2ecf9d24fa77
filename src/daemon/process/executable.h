/*
 * The file that a reload executes.
 */
#ifndef ECHOD_DAEMON_PROCESS_EXECUTABLE_H
#define ECHOD_DAEMON_PROCESS_EXECUTABLE_H

/*
 * The absolute path of this program, as NAME, argv[0], gives it. Symbolic links are not resolved,
 * so that a reload executes what they lead to then. If NAME leads to a different file, because a
 * shell set it, this is the path of the program itself. Does not need /proc. The caller frees it.
 */
char *executable_path(const char *name);

#endif
