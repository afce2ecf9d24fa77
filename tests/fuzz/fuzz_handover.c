/*
 * The state that a daemon hands over to the next one, possibly of another version, in lines of
 * text. Any input is parsed or rejected; no table overflows, and every descriptor that is named
 * becomes close-on-exec. Descriptor numbers and sizes in the input are limited first, since the
 * handover comes from a file that only the trusted environment can name.
 */
#include "base/fd.h"
#include "config/load.h"
#include "daemon/listen/inherited.h"
#include "daemon/setup.h"
#include "daemon/state.h"
#include "daemon/reload/reload.h"

#include "daemon/daemon.h"
#include "fuzz.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

/* The descriptors that the input may name: all are open, and none is a standard stream. */
#define LOWEST 20
#define HIGHEST 27
#define SLOTS 64
#define LONG_LINE 1000

static const char configuration[] = "[server]\nmax_clients = 10\n"
                                    "[listen a]\nport = 0\n[listen d]\nprotocol = udp\nport = 0\n";

static struct settings *load(void)
{
    struct problems problems = {0};
    char path[FUZZ_PATH_MAX];
    int fd = fuzz_file(configuration, strlen(configuration), path);
    struct settings *settings = settings_load(path, &problems);

    fuzz_check(settings);
    close(fd);
    problems_free(&problems);
    return settings;
}

static void open_all(void)
{
    for (int fd = LOWEST; fd <= HIGHEST; fd++) {
        int memory = memfd_create("fuzz", MFD_CLOEXEC);
        fuzz_check(memory >= 0 && dup2(memory, fd) == fd);
        fd_close(&memory);
    }
}

#define SPACES " \t\v\f\r"

/* The next word after P, as scanf(3) finds it. */
static char *next_word(char *p)
{
    return p + strspn(p, SPACES);
}

static size_t word_length(const char *p)
{
    return strcspn(p, SPACES "\n");
}

/* In a line that begins with WORD, replaces the word after SKIPPED others by NUMBER, which has two
 * digits. A word too short for it becomes an invalid number. */
static void bound(char *line, const char *word, int skipped, int number)
{
    if (strncmp(line, word, strlen(word)) != 0)
        return;
    char *p = next_word(line + strlen(word));
    for (; skipped > 0; skipped--)
        p = next_word(p + word_length(p));
    size_t len = word_length(p);
    memset(p, len == 1 ? '?' : ' ', len);
    if (len < 2)
        return;
    p[0] = (char)('0' + number / 10);
    p[1] = (char)('0' + number % 10);
}

/* Limits the descriptor numbers and sizes in all lines of TEXT. */
static void bound_all(char *text, uint8_t choice)
{
    static const struct {
        const char *word;
        int skipped;
    } named[] = {{"slots ", 0},       {"doorbell ", 0}, {"control ", 0},       {"pid-file ", 0},
                 {"settings ", 0},    {"waiter ", 0},   {"listener ", 0},      {"scribe ", 2},
                 {"scribe ", 3},      {"scribe ", 4},   {"store ", 1},         {"fork-server ", 2},
                 {"fork-server ", 3}, {"waiting ", 0},  {"datagram-slots ", 0}};

    for (char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        for (size_t i = 0; i < ARRAY_SIZE(named); i++)
            bound(line, named[i].word, named[i].skipped,
                  LOWEST + (choice + (int)i) % (HIGHEST - LOWEST + 1));
        bound(line, "slots ", 1, SLOTS);
        bound(line, "datagram-slots ", 1, SLOTS);
        bound(line, "store ", 0, SLOTS);
    }
}

/* FD, unless it is negative, is close-on-exec. */
static void check_kept(int fd)
{
    int flags = fd < 0 ? FD_CLOEXEC : fcntl(fd, F_GETFD);

    fuzz_check(flags < 0 || flags & FD_CLOEXEC);
}

static void check_server(const struct daemon *server)
{
    fuzz_check(server->sessions.roster.live <= server->sessions.roster.max);
    fuzz_check(server->fork_servers.count <= FORK_SERVERS_MAX);
    fuzz_check(server->admission.waiting.count <= WAITING_LIST_MAX);
    for (size_t i = 0; i < server->datagrams.count; i++)
        fuzz_check(server->datagrams.item[i].slot < server->datagrams.slots.count);
    check_kept(server->sessions.slots.memory);
    check_kept(server->doorbell);
    check_kept(server->pid_file);
    check_kept(server->control.listener);
    for (size_t i = 0; i < server->fork_servers.count; i++)
        check_kept(server->fork_servers.item[i].channel);
    for (size_t i = 0; i < server->admission.waiting.count; i++)
        check_kept(server->admission.waiting.item[i].client);
}

static void forget(struct daemon *server)
{
    slots_close(&server->sessions.slots);
    slots_close(&server->datagrams.slots);
    roster_close(&server->sessions.roster);
    free(server->scribe.connection);
    free(server->datagrams.item);
}

/* The reader splits a line over the maximum length, and would treat the rest as another line. */
static bool has_long_line(const uint8_t *data, size_t size)
{
    size_t len = 0;

    for (size_t i = 0; i < size && len < LONG_LINE; i++)
        len = data[i] == '\n' ? 0 : len + 1;
    return len == LONG_LINE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct settings *settings;
    uint8_t choice = fuzz_choice(&data, &size);
    if (has_long_line(data, size))
        return 0;
    struct inherited passed = {0};
    char *text = fuzz_text(data, size), path[FUZZ_PATH_MAX];

    if (!settings)
        settings = load();
    open_all();
    bound_all(text, choice);
    int fd = fuzz_file(text, strlen(text), path);
    struct daemon server;
    daemon_init(&server, &(struct daemon_plan){.settings = settings});
    server.log.level = -1;
    int r = state_restore(&server, fd, &passed);
    fuzz_check(r <= 0 && fcntl(fd, F_GETFD) < 0);
    check_server(&server);
    for (size_t i = 0; i < passed.count; i++)
        check_kept(passed.item[i].fd);
    forget(&server);
    inherited_free(&passed);
    free(text);
    return 0;
}
