#include "daemon/session/slots_handover.h"

#include <errno.h>

void slots_save(const struct slots *slots, const char *name, struct handover *handover)
{
    fprintf(handover->to, "%s %d %zu\n", name, slots->memory, slots->count);
    handover_add(handover, slots->memory);
}

int saved_slots_read(struct saved_slots *saved, const char *line)
{
    bool read = sscanf(line, "%*s %d %zu", &saved->memory, &saved->count) == 2;

    return read && saved->count <= SLOTS_MAX ? 0 : -EPROTO;
}

size_t saved_slots_needed(const struct saved_slots *saved, const struct server_settings *limits)
{
    return saved->count > limits->max_clients ? saved->count : (size_t)limits->max_clients;
}
