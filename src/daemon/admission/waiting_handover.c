#include "daemon/admission/waiting_handover.h"

#include "daemon/admission/admit.h"

#include <errno.h>

void waiting_save(const struct admission *admission, struct handover *handover)
{
    const struct waiting_list *list = &admission->waiting;
    char peer[ADDRESS_HEX_MAX];

    for (size_t i = 0; i < list->count; i++) {
        const struct waiting_client *w = &list->item[i];
        fprintf(handover->to, "waiting %d %d %llu %s %u %s\n", w->client, w->no_room,
                (unsigned long long)w->until, w->listen->name, w->peer.user,
                address_to_hex(&w->peer, peer));
        handover_add(handover, w->client);
    }
}

int waiting_restore(struct admission *admission, const char *line)
{
    char listener[LISTENER_NAME_SIZE], peer[ADDRESS_HEX_MAX];
    struct waiting_client w = {.client = -1};
    unsigned long long until;
    int no_room;

    if (sscanf(line, "waiting %d %d %llu %32s %u %272s", &w.client, &no_room, &until, listener,
               &w.peer.user, peer) != 6 ||
        admission->waiting.count >= WAITING_LIST_MAX || address_from_hex(&w.peer, peer) < 0)
        return -EPROTO;
    handover_take(w.client);
    w.no_room = no_room;
    w.until = until;
    admission_restore(admission, &w, listener);
    return 0;
}
