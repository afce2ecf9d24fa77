#include "daemon/admission/proxied_clients.h"

#include "base/clock.h"
#include "config/sections.h"

/* A worker repeats its request after 200 ms. */
#define PATIENCE (190 * USEC_PER_MSEC)

_Static_assert(ACCESS_REFUSAL_MAX <= SLOT_REFUSAL_MAX, "no room for the words");

/*
 * Copies the address that the worker of SLOT reports to REPORTED. A len of 0 means the proxy
 * itself. The worker is not trusted: the address may be invalid and may change at any time. So it
 * is copied once, and only its family, port and bytes are used. Returns whether it is valid.
 */
static bool copy_reported_address(const struct slot *slot, struct address *reported)
{
    struct address copy = slot->client;

    atomic_signal_fence(memory_order_seq_cst); /* the compiler must not read the slot again */
    *reported = (struct address){.len = copy.len};
    if (copy.len == 0)
        return true;
    if (copy.sa.sa_family == AF_INET && copy.len == sizeof(copy.in))
        reported->in = (struct sockaddr_in){
            .sin_family = AF_INET, .sin_port = copy.in.sin_port, .sin_addr = copy.in.sin_addr};
    else if (copy.sa.sa_family == AF_INET6 && copy.len == sizeof(copy.in6))
        reported->in6 = (struct sockaddr_in6){.sin6_family = AF_INET6,
                                              .sin6_port = copy.in6.sin6_port,
                                              .sin6_addr = copy.in6.sin6_addr};
    else
        return false;
    address_normalise(reported);
    return true;
}

/* Decides by the current settings. A client whose listener was removed is refused. */
static struct access decide(const struct admission *admission, const struct client *client,
                            uint64_t now)
{
    const struct listen_settings *listen = settings_listen(admission->settings, client->listener);

    return listen ? access_decide_proxied(&admission->policy, &client->peer, listen, now)
                  : (struct access){.rule = ACCESS_NOT_IN_ALLOW};
}

static void admit(struct admission *admission, struct client *client, const struct access *access,
                  uint64_t now)
{
    roster_admit(&admission->sessions->roster, client);
    admission->sessions->counters->served++;
    access_use(&admission->policy, access, &client->peer, now);
}

static void refuse(struct admission *admission, struct client *client, const struct access *access,
                   struct slot *slot)
{
    roster_refuse(&admission->sessions->roster, client);
    sessions_refuse(admission->sessions, &client->peer, &client->proxy, client->listener,
                    access_reason(access));
    access_refusal(access, slot->refusal, sizeof(slot->refusal));
}

/* Stores the address that the worker of CLIENT reports, once. Returns whether the worker has made a
 * request with a valid address. */
static bool apply_proxy_header(struct client *client, const struct slot *slot)
{
    struct address reported;

    if (atomic_load(&slot->state) != SLOT_ASKING || !copy_reported_address(slot, &reported))
        return false;
    if (reported.len > 0 && client->proxy.len == 0) {
        client->proxy = client->peer;
        client->peer = reported;
    }
    return true;
}

/* Whether to defer the answer for a client over a limit. It is refused when its worker repeats the
 * request. Meanwhile it waits in its worker, not in the waiting list. */
static bool should_wait(struct client *client, const struct access *access, uint64_t now)
{
    if (client->wait_until == 0)
        client->wait_until = now + PATIENCE;
    return access_may_change(access) && now < client->wait_until;
}

static void answer_client(struct admission *admission, struct client *client)
{
    struct slot *slot = sessions_slot(admission->sessions, client);
    if (!apply_proxy_header(client, slot))
        return;
    uint64_t now = clock_now();
    struct access access = decide(admission, client, now);
    bool granted = access_is_granted(&access);
    if (should_wait(client, &access, now))
        return;
    if (granted)
        admit(admission, client, &access, now);
    else
        refuse(admission, client, &access, slot);
    slot_answer(slot, granted ? SLOT_ADMITTED : SLOT_REFUSED);
}

/* An answered client is replaced in the array by the last one, so the index only advances
 * otherwise. */
void proxied_clients_answer(struct admission *admission, int doorbell)
{
    struct roster *roster = &admission->sessions->roster;

    doorbell_silence(doorbell);
    for (uint32_t i = roster->awaited; i-- > 0;)
        answer_client(admission, &roster->clients[roster->awaiting[i] - 1]);
}
