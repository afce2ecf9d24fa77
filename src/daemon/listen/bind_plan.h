/*
 * The bind plan: the addresses on which a configuration listens.
 */
#ifndef ECHOD_DAEMON_LISTEN_BIND_PLAN_H
#define ECHOD_DAEMON_LISTEN_BIND_PLAN_H

#include "config/settings.h"
#include "net/address.h"
#include "net/identity.h"

struct planned_address {
    struct address address;
    const struct listen_settings *settings;
    size_t number; /* of the listener, in the settings */
};

struct bind_plan {
    struct planned_address *item;
    size_t count;
    struct identity_index index;
};

/*
 * Makes the plan of SETTINGS, whose host names are resolved. Adds to PROBLEMS addresses that two
 * listeners use, or whose network interface does not exist. Duplicates within a listener are
 * removed.
 */
struct bind_plan bind_plan_make(const struct settings *settings, struct problems *problems);

/* Whether the plan has a socket of TYPE at ADDRESS. */
bool bind_plan_has(const struct bind_plan *plan, const struct address *address, int type);

void bind_plan_free(struct bind_plan *plan);

/*
 * Makes the plan only for the PROBLEMS. Needs no privileges and binds nothing.
 */
void bind_plan_check(const struct settings *settings, struct problems *problems);

#endif
