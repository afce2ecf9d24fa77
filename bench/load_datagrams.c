#define _GNU_SOURCE
#include "load.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int open_datagrams(const struct load *load)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((unsigned short)load->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct timeval patience = {.tv_usec = 100000};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        exit(71);
    return fd;
}

static bool echoes(struct load *load, bool datagrams)
{
    const struct timeval patience = {.tv_sec = 2};
    char byte = 0;
    int fd = datagrams ? open_datagrams(load) : load_connect(load, 0);

    if (fd < 0)
        return false;
    if (!datagrams)
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    bool good = send(fd, "e", 1, MSG_NOSIGNAL) == 1 && recv(fd, &byte, 1, 0) == 1 && byte == 'e';
    close(fd);
    return good;
}

int load_await(struct load *load, bool datagrams, double seconds)
{
    const struct timespec pause = {.tv_nsec = 200000};
    double start = load_now();

    while (!echoes(load, datagrams)) {
        if (load_now() - start > seconds) {
            load_report(0, load_now() - start, 1);
            return 1;
        }
        nanosleep(&pause, NULL);
    }
    load_report(1, load_now() - start, 0);
    return 0;
}

static bool send_numbered(int fd, char *data, size_t size, long number)
{
    memcpy(data, &number, sizeof(number)); /* all differ, as equal datagrams may look like a loop */
    return send(fd, data, size, MSG_NOSIGNAL) == (ssize_t)size;
}

int load_datagrams(struct load *load, size_t size, long in_flight, double seconds)
{
    char data[65536] = "", reply[65536];
    double start = load_now(), last = start;
    int fd = open_datagrams(load);
    long sent = 0, received = 0, under_way = 0;

    if (size < sizeof(sent) || size > sizeof(data))
        return 64;
    load_limit_time(seconds);
    for (bool over = false; !over || under_way > 0;) {
        for (; !over && under_way < in_flight; under_way++)
            send_numbered(fd, data, size, sent++);
        if (recv(fd, reply, sizeof(reply), 0) == (ssize_t)size) {
            received++;
            under_way--;
            last = load_now();
        } else {
            under_way = 0; /* those not answered are lost or late */
        }
        over = load_now() - start >= seconds;
    }
    load_report(received, last - start, sent > received ? sent - received : 0);
    close(fd);
    return 0;
}
