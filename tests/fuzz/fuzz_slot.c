/*
 * A worker controlled by an attacker writes a forged client address into its slot, as if a PROXY
 * header had named it. The daemon accepts an IP address in its shortest form or nothing, and its
 * roster stays consistent. The input is the slot's address and the state that the worker claims.
 */
#include "base/fd.h"
#include "base/memory.h"
#include "daemon/admission/access.h"
#include "daemon/admission/proxied_clients.h"

#include "daemon/daemon.h"
#include "daemon/setup.h"
#include "fuzz.h"

#define JOB 7 /* the number of the client's job */

static struct daemon *server_make(void)
{
    static struct server_settings limits = {
        .max_clients = 5, .max_per_source = 1, .source_prefix = {.ipv4 = 32, .ipv6 = 64}};
    static struct listen_settings listen = {.name = "a", .proxy_protocol = PROXY_ANY};
    static struct listen_settings *listens[] = {&listen};
    static struct settings settings = {.server = &limits, .listens = listens, .listen_count = 1};
    static struct daemon server;

    daemon_init(&server, &(struct daemon_plan){.settings = &settings});
    server.log.level = -1;
    fuzz_check(slots_open(&server.sessions.slots, 5) == 0 &&
               access_open(&server.admission.policy) == 0);
    server.doorbell = doorbell_open();
    fuzz_check(server.doorbell >= 0);
    return &server;
}

/* The peer is still the proxy, or the proxy is stored apart from the client that it named. */
static void check_client(const struct client *client, const struct address *proxy)
{
    struct address normal = client->peer;

    address_normalise(&normal);
    fuzz_check(address_is_ip(&client->peer) && address_equal(&normal, &client->peer));
    fuzz_check(client->peer.len == (client->peer.sa.sa_family == AF_INET
                                        ? sizeof(client->peer.in)
                                        : sizeof(client->peer.in6)));
    if (client->proxy.len == 0)
        fuzz_check(address_equal(&client->peer, proxy));
    else
        fuzz_check(address_equal(&client->proxy, proxy));
}

static void check_answer(const struct slot *slot, bool asks)
{
    fuzz_check(slot->answer == SLOT_UNANSWERED || asks);
    fuzz_check(memchr(slot->refusal, '\0', sizeof(slot->refusal)));
    fuzz_check(slot->answer == SLOT_REFUSED || slot->refusal[0] == '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct daemon *server;
    struct address proxy;

    if (!server)
        server = server_make();
    struct roster *roster = &server->sessions.roster;
    fuzz_check(address_numeric(&proxy, "127.0.0.1", 7) == 0);
    fuzz_check(roster_open(roster, 5, &server->settings->server->source_prefix) == 0);
    struct slot *slot = slots_at(&server->sessions.slots, roster_next(roster));
    *slot = (struct slot){.state = fuzz_choice(&data, &size) % (SLOT_ASKING + 1)};
    bool asks = slot->state == SLOT_ASKING;
    memcpy(&slot->client, data, size < sizeof(slot->client) ? size : sizeof(slot->client));
    roster_add(roster, JOB, &proxy, server->settings->listens[0]);
    fuzz_check(doorbell_ring(server->doorbell) == 0);
    proxied_clients_answer(&server->admission, server->doorbell);
    const struct client *client = roster_at(roster, 0, JOB);
    fuzz_check(client && roster->live == 1);
    check_client(client, &proxy);
    check_answer(slot, asks);
    roster_close(roster);
    return 0;
}
