#include "daemon/notify.h"

#include <systemd/sd-daemon.h>

void notify_ready(size_t listeners)
{
    sd_notifyf(0, "READY=1\nSTATUS=Listening on %zu sockets", listeners);
}

void notify_stopping(void)
{
    sd_notify(0, "STOPPING=1\nSTATUS=Waiting for clients to finish");
}
