#include "daemon/supervise/worker_signals.h"

#include <signal.h>

void worker_signal(struct fork_servers *fs, int *signal, pid_t pid, uint32_t number)
{
    if (pid <= 0 || *signal == 0)
        return;
    if (!fork_servers_has_ended(fs, number)) {
        fork_servers_hold(fs, number);
        return;
    }
    kill(pid, *signal);
    *signal = 0;
}

void worker_signal_client(struct fork_servers *fs, struct client *client, int number)
{
    client->signal = number;
    worker_signal(fs, &client->signal, client->pid, client->server);
}

void worker_signal_all(struct fork_servers *fs, struct roster *roster, int number)
{
    for (size_t i = 0; i < roster->used_clients; i++)
        if (roster->clients[i].job)
            worker_signal_client(fs, &roster->clients[i], number);
}

void worker_signal_again(struct fork_servers *fs, struct roster *roster)
{
    for (size_t i = 0; i < roster->used_clients; i++) {
        struct client *client = &roster->clients[i];
        if (client->job)
            worker_signal(fs, &client->signal, client->pid, client->server);
    }
}

void worker_signal_held(int *signal, pid_t pid)
{
    if (*signal && pid > 0)
        kill(pid, *signal);
    if (pid > 0)
        *signal = 0;
}

void worker_signal_held_clients(struct roster *roster, uint32_t number)
{
    for (size_t i = 0; i < roster->used_clients; i++)
        if (roster->clients[i].job && roster->clients[i].server == number)
            worker_signal_held(&roster->clients[i].signal, roster->clients[i].pid);
}
