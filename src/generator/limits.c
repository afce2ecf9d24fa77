#include "generator/limits.h"

#include "generator/dropin.h"
#include "net/address.h"

#include <string.h>

/* Processes and descriptors in addition to those of clients and listeners. */
#define MORE_TASKS 16
#define MORE_FILES 64
/* The same as in the unit file, since a reload may add listeners. */
#define LEAST_FILES 2048
/* An estimate for a host name. */
#define SOCKETS_OF_A_NAME 16

static size_t sockets_of(const struct listen_settings *listen, const char *host)
{
    struct address address;

    if (protocol_is_unix(listen->protocol) || address_numeric(&address, host, 0) == 0)
        return 1;
    return strcmp(host, "*") == 0 ? 2 : SOCKETS_OF_A_NAME;
}

/* Returns the number of sockets of all listeners, or of datagram listeners only. */
static size_t count_sockets(const struct settings *settings, bool datagrams)
{
    size_t sockets = 0;

    for (size_t i = 0; i < settings->listen_count; i++) {
        const struct listen_settings *listen = settings->listens[i];
        bool counts = !datagrams || protocol_type(listen->protocol) == SOCK_DGRAM;
        for (size_t j = 0; counts && j < listen->addresses.count; j++)
            sockets += sockets_of(listen, listen->addresses.item[j]);
    }
    return sockets;
}

/* Each client of the message service needs a descriptor for its connection to the scribe. */
static size_t count_connections(const struct settings *settings)
{
    for (size_t i = 0; i < settings->listen_count; i++)
        if (settings->listens[i]->service == SERVICE_MESSAGE)
            return settings->server->max_clients;
    return 0;
}

/*
 * A datagram socket has one worker, and two during a reload. The FD store has room for as many
 * sockets as there are descriptors, so a restart loses none.
 */
void limits_write(const struct unit *unit, const struct settings *settings)
{
    size_t files = count_sockets(settings, false) + count_connections(settings) + MORE_FILES;
    struct dropin dropin;

    if (!dropin_open(&dropin, unit, unit->service, "50-echod-conf.conf"))
        return;
    files = files < LEAST_FILES ? LEAST_FILES : files;
    fprintf(dropin.to, "[Service]\nTasksMax=%llu\nLimitNOFILE=%zu\nFileDescriptorStoreMax=%zu\n",
            (unsigned long long)settings->server->max_clients + 2 * count_sockets(settings, true) +
                MORE_TASKS,
            files, files);
    dropin_close(&dropin, unit);
}
