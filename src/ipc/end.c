#include "ipc/end.h"

#include "base/macros.h"

#include <stddef.h>
#include <syslog.h>

static const struct end_meaning meanings[] = {
    {END_CLOSED, "closed", "closed by the client", LOG_INFO},
    {END_DONE, "done", "closed because the service was complete", LOG_INFO},
    {END_IDLE, "idle", "closed because it was idle", LOG_INFO},
    {END_SESSION, "session-timeout", "closed because it reached session_timeout", LOG_INFO},
    {END_TOO_LONG, "too-long", "closed because its message was too long", LOG_NOTICE},
    {END_RESET, "reset", "reset by the client", LOG_INFO},
    {END_VANISHED, "vanished", "closed because its client stopped responding", LOG_INFO},
    {END_STOPPED, "stopped", "closed on request", LOG_INFO},
    {END_NOT_STORED, "not-stored", "closed because its message could not be stored", LOG_ERR},
    {END_IO, "error", "ended by an error", LOG_WARNING},
    {END_SETUP, "setup", "not served: its worker could not be set up", LOG_ERR},
    {END_PROXY, "proxy", "not served: its PROXY header was missing or wrong", LOG_NOTICE},
    {END_REFUSED, "refused", "refused because of the address in its PROXY header", LOG_INFO},
    {END_SANDBOX, "sandbox", "its worker made a system call that the sandbox forbids", LOG_WARNING},
};

const struct end_meaning *end_meaning(int status)
{
    for (size_t i = 0; i < ARRAY_SIZE(meanings); i++)
        if ((int)meanings[i].end == status)
            return &meanings[i];
    return NULL;
}
