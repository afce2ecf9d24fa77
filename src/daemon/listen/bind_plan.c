#include "daemon/listen/bind_plan.h"

#include "base/memory.h"
#include "config/sections.h"
#include "net/endpoint.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void bind_plan_free(struct bind_plan *plan)
{
    free(plan->item);
    identity_index_free(&plan->index);
    *plan = (struct bind_plan){0};
}

/* ---- the plan ---- */

/* Adds to LIST the addresses that item INDEX of LISTEN stands for. */
static void add_address(const struct settings *settings, const struct listen_settings *listen,
                        size_t index, struct addresses *list, struct problems *problems)
{
    const char *text = listen->addresses.item[index];
    char section[64];

    if (protocol_is_unix(listen->protocol)) {
        endpoint_add_unix(text, list);
        return;
    }
    int r = endpoint_add(text, listen->port, list);
    if (r == 0)
        return;
    snprintf(section, sizeof(section), "listen %s", listen->name);
    problem_add(problems, TRANSIENT, settings_item_origin(settings, listen, "address", index),
                section, "address",
                r == -ENODEV ? "%s: no such network interface (yet)"
                             : "%s is no longer an address of this machine",
                text);
}

static void add_listener_addresses(struct bind_plan *plan, const struct settings *settings,
                                   size_t number, struct problems *problems)
{
    const struct listen_settings *listen = settings->listens[number];
    struct addresses list = {0};

    for (size_t i = 0; i < listen->addresses.count; i++)
        add_address(settings, listen, i, &list, problems);
    for (size_t i = 0; i < list.count; i++) {
        plan->item = array_append(plan->item, &plan->count, sizeof(*plan->item));
        plan->item[plan->count - 1] =
            (struct planned_address){.address = list.item[i], .settings = listen, .number = number};
    }
    free(list.item);
}

static void make_index(struct bind_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        struct identity identity = identity_of(&plan->item[i].address);
        identity_index_add(&plan->index, &identity, i);
    }
    identity_index_sort(&plan->index);
}

/* ---- conflicts ---- */

static int type_of(const struct planned_address *planned)
{
    return protocol_type(planned->settings->protocol);
}

/* Returns the first address of PLAN before LIMIT with IDENTITY and TYPE (-1: any). */
static const struct planned_address *find(const struct bind_plan *plan,
                                          const struct identity *identity, int type, size_t limit)
{
    const struct identity_index *index = &plan->index;

    for (size_t i = identity_index_search(index, identity);
         i < index->count && identity_compare(&index->entry[i].identity, identity) == 0 &&
         index->entry[i].number < limit;
         i++) {
        const struct planned_address *planned = &plan->item[index->entry[i].number];
        if (type < 0 || type_of(planned) == type)
            return planned;
    }
    return NULL;
}

/* Returns one before LIMIT with the family and port of the wildcard address ANY. */
static const struct planned_address *find_port(const struct bind_plan *plan,
                                               const struct identity *any, int type, size_t limit)
{
    const struct identity_index *index = &plan->index;

    for (size_t i = identity_index_search(index, any); i < index->count; i++) {
        const struct identity_entry *entry = &index->entry[i];
        if (entry->identity.family != any->family || entry->identity.port != any->port)
            break;
        if (entry->number < limit && type_of(&plan->item[entry->number]) == type)
            return &plan->item[entry->number];
    }
    return NULL;
}

/* Returns an address before PLANNED, which has this NUMBER, that conflicts with it. Ports and
 * abstract names of different types do not conflict; paths always do, as they are files. */
static const struct planned_address *
find_conflict(const struct bind_plan *plan, const struct planned_address *planned, size_t number)
{
    const struct address *a = &planned->address;
    struct identity identity = identity_of(a), any = {0};

    if (!address_is_ip(a))
        return find(plan, &identity, a->un.sun_path[0] ? -1 : type_of(planned), number);
    if (identity.port == 0)
        return NULL; /* port 0: the kernel will choose different ports */
    any.family = identity.family;
    any.port = identity.port;
    const struct planned_address *found = find(plan, &identity, type_of(planned), number);
    if (!found)
        found = find(plan, &any, type_of(planned), number);
    if (!found && identity_compare(&identity, &any) == 0)
        found = find_port(plan, &any, type_of(planned), number);
    return found;
}

static void report_clash(const struct settings *settings, const struct planned_address *planned,
                         const struct planned_address *other, struct problems *problems)
{
    char text[ADDRESS_TEXT_MAX], section[64];

    snprintf(section, sizeof(section), "listen %s", planned->settings->name);
    problem_add(problems, FATAL, settings_origin(settings, planned->settings, "address"), section,
                "address", "%s is already used by [listen %s]",
                address_format(&planned->address, text, sizeof(text)), other->settings->name);
}

/* Reports conflicts. Removes duplicates within the same listener. */
static void check_conflicts(struct bind_plan *plan, const struct settings *settings,
                            struct problems *problems)
{
    size_t kept = 0;
    bool *twice = memory_zeroed(plan->count, sizeof(*twice));

    for (size_t i = 0; i < plan->count; i++) {
        const struct planned_address *planned = &plan->item[i],
                                     *other = find_conflict(plan, planned, i);
        twice[i] = other && other->number == planned->number &&
                   identity_same(&planned->address, &other->address);
        if (other && !twice[i])
            report_clash(settings, planned, other, problems);
    }
    for (size_t i = 0; i < plan->count; i++)
        if (!twice[i])
            plan->item[kept++] = plan->item[i];
    free(twice);
    plan->count = kept;
}

struct bind_plan bind_plan_make(const struct settings *settings, struct problems *problems)
{
    struct bind_plan plan = {0};

    for (size_t i = 0; i < settings->listen_count; i++)
        add_listener_addresses(&plan, settings, i, problems);
    make_index(&plan);
    size_t all = plan.count;
    check_conflicts(&plan, settings, problems);
    if (plan.count < all) {
        identity_index_free(&plan.index);
        make_index(&plan);
    }
    return plan;
}

bool bind_plan_has(const struct bind_plan *plan, const struct address *address, int type)
{
    struct identity identity = identity_of(address);

    return find(plan, &identity, type, plan->count) != NULL;
}

void bind_plan_check(const struct settings *settings, struct problems *problems)
{
    struct bind_plan plan = bind_plan_make(settings, problems);

    bind_plan_free(&plan);
}
