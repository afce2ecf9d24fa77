#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EVENTS = 256, CHUNK = 262144, OPENING_SECONDS = 20, SIZE_MAX_PINGPONG = 1 << 20 };

static char outgoing[CHUNK > SIZE_MAX_PINGPONG ? CHUNK : SIZE_MAX_PINGPONG];
static char incoming[sizeof(outgoing)];

/* Opens the connections and waits for the start command. Returns false if there is none. */
static bool prepare(struct load *load, int *fds, long clients, double seconds)
{
    char line[32];
    double start = load_now();
    long errors = 0;
    long opened = load_open(load, fds, clients, OPENING_SECONDS, &errors);

    load_report(opened, load_now() - start, errors);
    if (!load_await_line(line, sizeof(line)) || opened < clients)
        return false;
    load_limit_time(seconds);
    return true;
}

static void keep_until_end_of_input(void)
{
    char line[32];

    alarm(0);
    while (load_await_line(line, sizeof(line)))
        continue;
}

/* ---- ping-pong ---- */

struct pingpong {
    size_t size;
    double deadline;
    long done, errors;
};

struct player {
    int fd;
    size_t sent, received;
};

static void play_alone(struct pingpong *game, int fd)
{
    while (load_now() < game->deadline) {
        if (send(fd, outgoing, game->size, MSG_NOSIGNAL) != (ssize_t)game->size ||
            recv(fd, incoming, game->size, MSG_WAITALL) != (ssize_t)game->size) {
            game->errors++;
            return;
        }
        game->done++;
    }
}

/* Sends what is left of the message. Returns false if the connection is lost. */
static bool send_more(const struct pingpong *game, struct player *player)
{
    while (player->sent < game->size) {
        ssize_t size = send(player->fd, outgoing, game->size - player->sent, MSG_NOSIGNAL);
        if (size < 0)
            return errno == EAGAIN;
        player->sent += (size_t)size;
    }
    return true;
}

/*
 * Receives available data, and begins the next round trip once the message is complete. The poller
 * is edge-triggered, so this continues until nothing is left to receive, as after a round trip.
 */
static bool advance(struct pingpong *game, struct player *player)
{
    while (send_more(game, player)) {
        ssize_t size = recv(player->fd, incoming, game->size - player->received, 0);
        if (size < 0)
            return errno == EAGAIN;
        if (size == 0)
            return false;
        player->received += (size_t)size;
        if (player->received < game->size)
            continue;
        game->done++;
        player->sent = player->received = 0;
        return send_more(game, player);
    }
    return false;
}

static int watch_players(struct pingpong *game, struct player *players, const int *fds,
                         long clients)
{
    int poller = epoll_create1(EPOLL_CLOEXEC);

    for (long i = 0; i < clients; i++) {
        struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET,
                                    .data.ptr = &players[i]};
        players[i] = (struct player){.fd = fds[i]};
        if (fcntl(fds[i], F_SETFL, O_NONBLOCK) < 0 || !send_more(game, &players[i]) ||
            epoll_ctl(poller, EPOLL_CTL_ADD, fds[i], &event) < 0)
            game->errors++;
    }
    return poller;
}

static void play_together(struct pingpong *game, struct player *players, const int *fds,
                          long clients)
{
    struct epoll_event events[EVENTS];
    int poller = watch_players(game, players, fds, clients);

    while (load_now() < game->deadline && game->errors < LOAD_ERRORS_MAX) {
        int count = epoll_wait(poller, events, EVENTS, 100);
        for (int i = 0; i < count; i++) {
            struct player *player = events[i].data.ptr;
            if (advance(game, player))
                continue;
            epoll_ctl(poller, EPOLL_CTL_DEL, player->fd, NULL);
            game->errors++;
        }
    }
    close(poller);
}

int load_pingpong(struct load *load, long clients, size_t size, double seconds)
{
    int *fds = calloc((size_t)clients, sizeof(*fds));
    struct player *players = calloc((size_t)clients, sizeof(*players));
    struct pingpong game = {.size = size};

    if (!fds || !players || size > SIZE_MAX_PINGPONG)
        return 71;
    load_raise_files(clients);
    if (!prepare(load, fds, clients, seconds))
        return 1;
    double start = load_now();
    game.deadline = start + seconds;
    if (clients == 1)
        play_alone(&game, fds[0]);
    else
        play_together(&game, players, fds, clients);
    load_report(game.done, load_now() - start, game.errors);
    keep_until_end_of_input();
    free(players);
    free(fds);
    return 0;
}

/* ---- bulk ---- */

/* Adds the bytes that come back to *RECEIVED. */
static void stream(int fd, double deadline, volatile long *received)
{
    struct pollfd both = {.fd = fd, .events = POLLIN | POLLOUT};

    while (load_now() < deadline) {
        if (poll(&both, 1, 100) < 1)
            continue;
        if (both.revents & POLLIN) {
            ssize_t size = recv(fd, incoming, CHUNK, MSG_DONTWAIT);
            if (size == 0 || (size < 0 && errno != EAGAIN))
                _exit(1);
            *received += size > 0 ? size : 0;
        }
        if ((both.revents & POLLOUT) &&
            send(fd, outgoing, CHUNK, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno != EAGAIN)
            _exit(1);
    }
    _exit(0);
}

static long wait_all(void)
{
    int status;
    long failed = 0;

    while (wait(&status) > 0)
        failed += status != 0;
    return failed;
}

int load_bulk(struct load *load, long clients, double seconds)
{
    int *fds = calloc((size_t)clients, sizeof(*fds));
    size_t size = (size_t)clients * sizeof(long);
    long *received = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    long total = 0;

    if (!fds || received == MAP_FAILED)
        return 71;
    if (!prepare(load, fds, clients, seconds))
        return 1;
    double start = load_now();
    for (long i = 0; i < clients; i++)
        if (fork() == 0)
            stream(fds[i], start + seconds, &received[i]);
    long failed = wait_all();
    for (long i = 0; i < clients; i++)
        total += received[i];
    load_report(total, load_now() - start, failed);
    keep_until_end_of_input();
    munmap(received, size);
    free(fds);
    return 0;
}
