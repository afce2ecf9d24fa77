/*
 * A client load on 127.0.0.1, bounded in count.
 *
 *   load PORT COUNT PARALLEL   COUNT short connections (32 bytes echoed), PARALLEL at once
 *   load PORT hold COUNT       opens COUNT connections, echoes a byte on each, prints "held",
 *                              holds them until standard input ends
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int connect_to(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((unsigned short)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        perror("load: connect");
        exit(1);
    }
    return fd;
}

static void echo(int fd, size_t size)
{
    char data[32] = "0123456789abcdef0123456789abcde", reply[32];

    if (write(fd, data, size) != (ssize_t)size ||
        recv(fd, reply, size, MSG_WAITALL) != (ssize_t)size || memcmp(data, reply, size) != 0) {
        fputs("load: no echo\n", stderr);
        exit(1);
    }
}

static void run(int port, long count)
{
    for (long i = 0; i < count; i++) {
        int fd = connect_to(port);
        echo(fd, 32);
        close(fd);
    }
    exit(0);
}

static int load(int port, long count, long parallel)
{
    int status, failed = 0;

    for (long i = 0; i < parallel; i++)
        if (fork() == 0)
            run(port, count / parallel);
    while (wait(&status) > 0)
        failed |= status != 0;
    return failed;
}

static int hold(int port, long count)
{
    struct rlimit files = {(rlim_t)count + 16, (rlim_t)count + 16};

    setrlimit(RLIMIT_NOFILE, &files);
    for (long i = 0; i < count; i++)
        echo(connect_to(port), 1);
    puts("held");
    fflush(stdout);
    while (getchar() != EOF)
        continue;
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 64;
    int port = atoi(argv[1]);
    return strcmp(argv[2], "hold") == 0 ? hold(port, atol(argv[3]))
                                        : load(port, atol(argv[2]), atol(argv[3]));
}
