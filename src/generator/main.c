/*
 * echod-generator: a systemd.generator(7). Writes, as drop-ins, what units have to know of
 * echod.conf: the limits of the service, the addresses of the socket and, where that is enabled, a
 * sandbox that needs no network at all. So the INI file stays the one truth.
 *
 * Whatever is wrong, it writes nothing and exits with 0: a configuration must never break the boot.
 */
#include "config.h"

#include "config/settings.h"

#include "base/util.h"
#include "net/address.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONFIG SYSCONFDIR "/echod/echod.conf"
#define ENABLED SYSCONFDIR "/systemd/system/sockets.target.wants/echod.socket"
#define HEADER "# Made by echod-generator from " CONFIG "\n"

/* Processes and descriptors beside those of clients and listeners. */
#define MORE_TASKS 16
#define MORE_FILES 64
/* As many addresses as one listener may have: a name can stand for several. */
#define SOCKETS_OF_ONE 16

/* Opens DIRECTORY/UNIT.d/NAME to be written; NULL, and said, where it cannot be. */
static FILE *open_drop_in(const char *directory, const char *unit, const char *name)
{
    char path[4096];

    snprintf(path, sizeof(path), "%s/%s.d", directory, unit);
    if (mkdir(path, 0755) < 0 && access(path, W_OK) < 0) {
        perror(path);
        return NULL;
    }
    text_append(path, sizeof(path), "/%s", name);
    FILE *file = fopen(path, "we");
    if (!file)
        perror(path);
    else
        fputs(HEADER, file);
    return file;
}

/* A worker for each socket, two of them while it reloads. */
static unsigned long long datagram_tasks(const struct settings *settings)
{
    unsigned long long tasks = 0;

    for (size_t i = 0; i < settings->listen_count; i++)
        if (protocol_type(settings->listens[i]->protocol) == SOCK_DGRAM)
            tasks += 2 * SOCKETS_OF_ONE;
    return tasks;
}

static void write_limits(const char *directory, const struct settings *settings)
{
    FILE *to = open_drop_in(directory, "echod.service", "50-echod-conf.conf");

    if (!to)
        return;
    size_t sockets = SOCKETS_OF_ONE * settings->listen_count;
    fprintf(to, "[Service]\nTasksMax=%llu\nLimitNOFILE=%zu\nFileDescriptorStoreMax=%zu\n",
            (unsigned long long)settings->server->max_clients + datagram_tasks(settings) +
                MORE_TASKS,
            sockets + MORE_FILES, sockets);
    fclose(to);
}

static const char *listen_key(const struct listen_settings *listen)
{
    switch (protocol_type(listen->protocol)) {
    case SOCK_DGRAM:
        return "ListenDatagram";
    case SOCK_SEQPACKET:
        return "ListenSequentialPacket";
    default:
        return "ListenStream";
    }
}

/* A path, in which systemd is to find no specifier. */
static void write_path(FILE *to, const char *key, const char *path)
{
    fprintf(to, "%s=", key);
    for (; *path; path++)
        fputs(*path == '%' ? "%%" : (char[]){*path, '\0'}, to);
    fputc('\n', to);
}

/* A name can be looked up by the daemon, but not at boot, before there is a network. */
static void write_address(FILE *to, const struct listen_settings *listen, const char *host)
{
    const char *key = listen_key(listen);
    char text[ADDRESS_TEXT_MAX];
    struct address address;

    if (protocol_is_unix(listen->protocol))
        write_path(to, key, host);
    else if (strcmp(host, "*") == 0)
        fprintf(to, "%s=0.0.0.0:%u\n%s=[::]:%u\n", key, (unsigned)listen->port, key,
                (unsigned)listen->port);
    else if (address_numeric(&address, host, listen->port) == 0)
        fprintf(to, "%s=%s\n", key, address_format(&address, text, sizeof(text)));
    else
        fprintf(stderr,
                "echod-generator: listener %s: %s is left to echod: give echod.socket an "
                "address\n",
                listen->name, host);
}

/* One mode holds for all sockets of a unit: what every listener permits. */
static void write_mode(FILE *to, const struct settings *settings)
{
    unsigned mode = 0777;
    bool any = false;

    for (size_t i = 0; i < settings->listen_count; i++) {
        if (!protocol_is_unix(settings->listens[i]->protocol))
            continue;
        mode &= settings->listens[i]->mode;
        any = true;
    }
    if (any)
        fprintf(to, "SocketUser=echod\nSocketGroup=echod\nSocketMode=%04o\n", mode);
}

/* As one mode does, it holds for all of them. */
static void write_sharing(FILE *to, const struct settings *settings)
{
    bool any = false;

    for (size_t i = 0; i < settings->listen_count; i++)
        any = any || settings->listens[i]->reuse_port;
    if (any)
        fputs("ReusePort=yes\n", to);
}

static void write_addresses(const char *directory, const struct settings *settings)
{
    FILE *to = open_drop_in(directory, "echod.socket", "50-echod-conf.conf");

    if (!to)
        return;
    /* With SourcePath=, systemctl notices that the file was edited. */
    fprintf(to, "[Unit]\nSourcePath=%s\n[Socket]\nListenStream=\n", CONFIG);
    for (size_t i = 0; i < settings->listen_count; i++) {
        const struct listen_settings *listen = settings->listens[i];
        bool wanted = listen->port || protocol_is_unix(listen->protocol);
        for (size_t j = 0; wanted && j < listen->addresses.count; j++)
            write_address(to, listen, listen->addresses.item[j]);
    }
    write_mode(to, settings);
    write_sharing(to, settings);
    fclose(to);
}

/*
 * All the sockets it needs are passed to it: accept(2) makes no use of the network of its own. And
 * nothing of before may be kept in the FD store: the addresses are the socket unit's now.
 */
static void write_sandbox(const char *directory)
{
    FILE *to = open_drop_in(directory, "echod.service", "60-echod-socket.conf");

    if (!to)
        return;
    fputs(
        "[Unit]\nRequires=echod.socket\nAfter=echod.socket\n"
        "[Service]\nFileDescriptorStoreMax=0\nRuntimeDirectoryPreserve=yes\nPrivateNetwork=yes\nIPAddressDeny=any\n"
        "RestrictAddressFamilies=\nRestrictAddressFamilies=AF_UNIX\n",
        to);
    fclose(to);
}

int main(int argc, char **argv)
{
    struct problems problems = {0};

    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return puts("Usage: echod-generator DIRECTORY [EARLY LATE]   (see systemd.generator(7))") <
               0;
    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        return puts("echod-generator (echod) " PACKAGE_VERSION) < 0;
    if (argc < 2) {
        fputs("echod-generator: systemd runs this, with the directory to write to\n", stderr);
        return EXIT_USAGE;
    }
    struct settings *settings = settings_load(CONFIG, &problems);
    if (settings) {
        write_limits(argv[1], settings);
        write_addresses(argv[1], settings);
        if (access(ENABLED, F_OK) == 0)
            write_sandbox(argv[1]);
    } else {
        problems_print(&problems, stderr);
    }
    problems_free(&problems);
    settings_free(settings);
    return 0;
}
