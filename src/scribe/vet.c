#include "scribe/vet.h"

#include "base/escape.h"
#include "log/record.h"
#include "ipc/store.h"

#include <stdbool.h>
#include <string.h>
#include <syslog.h>

#define OTHER_FIELDS 1024

/* A worker has already escaped the text, so backslashes and tabs are kept. */
#define KEPT "\\\t"

static bool worker_may_set(const char *field)
{
    static const char *const reserved[] = {"ECHOD_PID=", "ECHOD_EVENT=", "ECHOD_TIME="};

    for (size_t i = 0; i < ARRAY_SIZE(reserved); i++)
        if (strncmp(field, reserved[i], strlen(reserved[i])) == 0)
            return false;
    return strncmp(field, "ECHOD_", 6) == 0;
}

const char *vet_record(const char *data, size_t len, pid_t sender, size_t *size)
{
    static char vetted[ESCAPED_SIZE(STORE_RECORD_MAX) + OTHER_FIELDS];
    const char *message = record_get(data, len, "MESSAGE");
    struct record record;

    /* The trusted fields first, since the sink has room for a limited number of fields. */
    record_start(&record, vetted, sizeof(vetted), LOG_INFO, "message from ");
    record_append(&record, message ? message : "?", message ? strlen(message) : 1, KEPT);
    record_event(&record, EVENT_MESSAGE);
    record_add(&record, "ECHOD_PID", "%d", (int)sender);
    for (const char *f = NULL; (f = record_next(data, len, f)) != NULL;)
        if (worker_may_set(f))
            record_add_escaped(&record, f, KEPT);
    *size = record.used;
    return vetted;
}
