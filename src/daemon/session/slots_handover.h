/*
 * Slots in the handover (handover.h): a line "NAME MEMORY COUNT".
 */
#ifndef ECHOD_DAEMON_SESSION_SLOTS_HANDOVER_H
#define ECHOD_DAEMON_SESSION_SLOTS_HANDOVER_H

#include "config/settings.h"
#include "daemon/process/handover.h"
#include "daemon/session/slots.h"

struct saved_slots {
    int memory; /* -1: there are none */
    size_t count;
};

void slots_save(const struct slots *slots, const char *name, struct handover *handover);

/* Reads LINE. Returns 0 or -EPROTO. */
int saved_slots_read(struct saved_slots *saved, const char *line);

/* How many there have to be for the clients of SAVED and those that LIMITS allow. */
size_t saved_slots_needed(const struct saved_slots *saved, const struct server_settings *limits);

#endif
