/*
 * The load generator of the benchmark.
 *
 *   load PORT await SECONDS                    waits until a byte is echoed
 *   load PORT await-datagrams SECONDS          the same over UDP
 *   load PORT short CLIENTS COUNT SECONDS      COUNT connections, CLIENTS at once
 *   load PORT pingpong CLIENTS SIZE SECONDS    SIZE bytes back and forth
 *   load PORT bulk CLIENTS SECONDS             a stream in both directions
 *   load PORT hold SOURCE COUNT SECONDS        COUNT connections from 127.0.0.SOURCE
 *   load PORT datagrams SIZE FLIGHT SECONDS    FLIGHT datagrams at once
 *   load 0 fork COUNT                          the cycle of fork, exit and wait, without a server
 *
 * Each prints {"done": N, "seconds": S, "errors": N, "at": S}, where "at" is the time by the
 * monotonic clock. pingpong and bulk print it once all clients are connected, run when they read a
 * line from standard input, print it again, and keep the connections until standard input ends.
 * hold prints it once all clients are connected, and after each command that it reads: "close N"
 * closes N of the connections, "check" echoes a byte on each of the others.
 */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int measure_fork(long count)
{
    double start = load_now();
    long errors = 0;

    for (long i = 0; i < count; i++) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(0);
        if (pid < 0 || waitpid(pid, NULL, 0) != pid)
            errors++;
    }
    load_report(count - errors, load_now() - start, errors);
    return errors != 0;
}

static int run(struct load *load, int argc, char **argv)
{
    const char *verb = argv[2];
    double seconds = atof(argv[argc - 1]);

    if (argc == 4 && strcmp(verb, "fork") == 0)
        return measure_fork(atol(argv[3]));
    if (argc == 4 && strcmp(verb, "await") == 0)
        return load_await(load, false, seconds);
    if (argc == 4 && strcmp(verb, "await-datagrams") == 0)
        return load_await(load, true, seconds);
    if (argc == 6 && strcmp(verb, "short") == 0)
        return load_short(load, atol(argv[3]), atol(argv[4]), seconds);
    if (argc == 6 && strcmp(verb, "pingpong") == 0)
        return load_pingpong(load, atol(argv[3]), (size_t)atol(argv[4]), seconds);
    if (argc == 5 && strcmp(verb, "bulk") == 0)
        return load_bulk(load, atol(argv[3]), seconds);
    if (argc == 6 && strcmp(verb, "hold") == 0) {
        load->source = (unsigned)atoi(argv[3]);
        return load_hold(load, atol(argv[4]), seconds);
    }
    if (argc == 6 && strcmp(verb, "datagrams") == 0)
        return load_datagrams(load, (size_t)atol(argv[3]), atol(argv[4]), seconds);
    fprintf(stderr, "load: not understood: %s\n", verb);
    return 64;
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fputs("Usage: load PORT VERB ARGUMENT...\n", stderr);
        return 64;
    }
    return run(&(struct load){.port = atoi(argv[1])}, argc, argv);
}
