#include "client/connect/target.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "client/connect/lookup.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char *reason_of(int gai_error, int family)
{
    if (gai_error == EAI_SYSTEM)
        return strerror(errno);
    if (gai_error == EAI_SERVICE) /* instead of glibc's "Servname not supported for ai_socktype" */
        return "the port is neither a number nor a service name";
    if (gai_error == EAI_INPROGRESS)
        return "the name lookup timed out";
    if (gai_error == EAI_ADDRFAMILY)
        return family == AF_INET ? "it has no IPv4 address" : "it has no IPv6 address";
    return gai_strerror(gai_error);
}

static int error_of(int gai_error, int error)
{
    switch (gai_error) {
    case EAI_SERVICE:
        return -EPROTONOSUPPORT;
    case EAI_INPROGRESS:
        return -ETIMEDOUT;
    case EAI_MEMORY:
        return -EAGAIN;
    case EAI_SYSTEM:
        return error == EAGAIN || error == ENOMEM || error == EMFILE || error == ENFILE
                   ? -EAGAIN
                   : -EADDRNOTAVAIL;
    }
    return -EADDRNOTAVAIL;
}

static bool is_known(const struct attempts *attempts, const struct address *a)
{
    for (size_t i = 0; i < attempts->count; i++)
        if (address_equal(&attempts->list[i].address, a))
            return true;
    return false;
}

static void add_address(struct attempts *attempts, const struct address *a)
{
    if (is_known(attempts, a)) /* /etc/hosts may contain an address twice */
        return;
    attempts->list = array_append(attempts->list, &attempts->count, sizeof(*attempts->list));
    attempts->list[attempts->count - 1].address = *a;
}

static void add_found(struct attempts *attempts, const struct addrinfo *info)
{
    for (; info; info = info->ai_next) {
        struct address a = {.len = info->ai_addrlen};
        memcpy(&a.storage, info->ai_addr, info->ai_addrlen);
        add_address(attempts, &a);
    }
}

/* Moves the next address whose family differs from that at I - 1 to I. */
static void take_turns_at(struct attempts *attempts, size_t i)
{
    struct attempt *list = attempts->list;
    size_t k = i;

    while (k < attempts->count && list[k].address.sa.sa_family == list[i - 1].address.sa.sa_family)
        k++;
    if (k == attempts->count)
        return;
    struct attempt moved = list[k];
    memmove(&list[i + 1], &list[i], (k - i) * sizeof(*list));
    list[i] = moved;
}

/* Returns HOST without the brackets around an IPv6 address, for getaddrinfo(3). The caller frees
 * it. */
static char *bare_host(const char *host)
{
    size_t len = strlen(host);

    if (len > 2 && host[0] == '[' && host[len - 1] == ']')
        return text_copy_n(host + 1, len - 2);
    return text_copy(host);
}

static int resolve_host(const struct target *target, uint64_t deadline, struct attempts *found,
                        const char **reason)
{
    /* Without AI_ADDRCONFIG, which would hide localhost on machines that have only a loopback. */
    struct addrinfo hints = {.ai_family = target->family, .ai_socktype = target->type};
    struct addrinfo *list;
    char *host = bare_host(target->host);
    int r = lookup(host, target->port, &hints, deadline, &list), error = errno;

    if (r != 0)
        *reason = reason_of(r, target->family); /* before free(3) can change errno */
    free(host);
    if (r != 0)
        return error_of(r, error);
    add_found(found, list);
    freeaddrinfo(list);
    for (size_t i = 1; i < found->count; i++)
        take_turns_at(found, i);
    return 0;
}

int target_resolve(const struct target *target, uint64_t deadline, struct attempts *found,
                   const char **reason)
{
    struct address a;

    *found = (struct attempts){.begun = clock_now()};
    if (!target->path)
        return resolve_host(target, deadline, found, reason);
    int r = address_unix(&a, target->path);
    if (r < 0) {
        *reason = r == -ENAMETOOLONG ? "too long for the path of a Unix socket"
                                     : "the path of a Unix socket must begin with / or @";
        return r;
    }
    add_address(found, &a);
    return 0;
}

void attempts_free(struct attempts *attempts)
{
    free(attempts->list);
    *attempts = (struct attempts){0};
}
