/*
 * The addresses that a configuration wants to be listened on.
 */
#ifndef ECHOD_DAEMON_LISTEN_BIND_PLAN_H
#define ECHOD_DAEMON_LISTEN_BIND_PLAN_H

#include "config/settings.h"
#include "net/address.h"
#include "net/identity.h"

struct planned_address {
    struct address address;
    const struct listen_settings *settings;
    size_t number; /* of that listener, among those of the settings */
};

struct bind_plan {
    struct planned_address *item;
    size_t count;
    struct identity_index index;
};

/*
 * Of SETTINGS whose names were looked up (names.h). Adds to PROBLEMS addresses that two listeners
 * want, or whose network interface is not there. What one listener wants twice it gets once.
 */
struct bind_plan bind_plan_make(const struct settings *settings, struct problems *problems);

/* Whether a socket of TYPE at ADDRESS is among them. */
bool bind_plan_has(const struct bind_plan *plan, const struct address *address, int type);

void bind_plan_free(struct bind_plan *plan);

/*
 * The same, only for the PROBLEMS.
 * Needs no privilege and binds nothing.
 */
void bind_plan_check(const struct settings *settings, struct problems *problems);

#endif
