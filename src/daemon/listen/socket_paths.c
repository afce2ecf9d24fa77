#include "daemon/listen/socket_paths.h"

#include "base/file.h"
#include "base/macros.h"
#include "config/sections.h"
#include "net/socket_file.h"

#include <stdio.h>
#include <string.h>

/* Whether this process has a private /tmp (PrivateTmp= in systemd.exec(5)), by
 * /proc/self/mountinfo: "ID PARENT DEVICE ROOT PLACE ..." (proc(5)). */
static bool has_private_tmp(void)
{
    char line[4096], root[1024], place[1024];
    FILE *file = fopen("/proc/self/mountinfo", "re");
    bool found = false;

    while (file && !found && fgets(line, sizeof(line), file))
        found = sscanf(line, "%*s %*s %*s %1023s %1023s", root, place) == 2 &&
                strcmp(place, "/tmp") == 0 && strstr(root, "systemd-private-");
    if (file)
        fclose(file);
    return found;
}

static bool is_temporary(const char *path)
{
    static const char *const directories[] = {"/tmp/", "/var/tmp/"};

    for (size_t i = 0; i < ARRAY_SIZE(directories); i++)
        if (strncmp(path, directories[i], strlen(directories[i])) == 0)
            return true;
    return false;
}

/* Whether the directory of PATH does not exist and is not created when the service starts. */
static bool is_nowhere(const char *path)
{
    static const char run[] = RUNSTATEDIR "/";

    return strncmp(path, run, strlen(run)) != 0 && file_lacks_directory(path);
}

static bool is_obstructed(const char *path)
{
    struct address address;

    return address_unix(&address, path) == 0 && socket_file_is_obstructed(&address);
}

static void warn_of_path(const struct settings *settings, const struct listen_settings *listen,
                         size_t index, const char *reason, struct problems *problems)
{
    char section[64];

    snprintf(section, sizeof(section), "listen %s", listen->name);
    problem_add(problems, WARNING, settings_item_origin(settings, listen, "address", index),
                section, "address", "%s: %s", listen->addresses.item[index], reason);
}

static void check_path(const struct settings *settings, const struct listen_settings *listen,
                       size_t index, bool certain, struct problems *problems)
{
    const char *path = listen->addresses.item[index];

    if (is_temporary(path))
        warn_of_path(
            settings, listen, index,
            "the service has a private /tmp (PrivateTmp=), where no client finds the socket: use "
            "/run/echod",
            problems);
    if (!certain && path[0] == '/' && is_nowhere(path))
        warn_of_path(settings, listen, index, "its directory does not exist", problems);
    if (!certain && is_obstructed(path))
        warn_of_path(settings, listen, index, "a file that is not a socket has this name",
                     problems);
}

void socket_paths_check(const struct settings *settings, bool certain, struct problems *problems)
{
    if (certain && !has_private_tmp())
        return;
    for (size_t i = 0; i < settings->listen_count; i++) {
        const struct listen_settings *listen = settings->listens[i];
        for (size_t j = 0; protocol_is_unix(listen->protocol) && j < listen->addresses.count; j++)
            check_path(settings, listen, j, certain, problems);
    }
}
