/*
 * Arbitrary requests to the control socket. In whatever pieces they arrive (the first byte of the
 * input chooses their size), the answer is the same, it is harmless on a terminal, and echoctl can
 * parse it.
 */
#include "config/load.h"
#include "ctl/request.h"
#include "ctl/show.h"
#include "daemon/admission/access.h"

#include "daemon/daemon.h"
#include "daemon/requests.h"
#include "daemon/setup.h"
#include "fuzz.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Beyond the kernel's PID_MAX_LIMIT: there is no such process to kill, and no such dry run. */
#define NO_PROCESS 1000000000

static const char configuration[] = "[server]\nmax_clients = 10\nsource_rate = 3/h\n"
                                    "monitor = 192.0.2.9\nreserved = 2\nmax_per_source = 1\n"
                                    "[listen a]\nport = 0\nallow = 192.0.2.0/24, 2001:db8::/32\n"
                                    "deny = 192.0.2.128/25\n"
                                    "[listen u]\nprotocol = unix\naddress = @echod-fuzz\n"
                                    "[listen d]\nprotocol = udp\naddress = ::1\n";

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

/* Adds a client of the first listener, and one of the second whose peer has an unusual name. */
static void add_clients(struct daemon *server)
{
    struct address ip, odd;

    fuzz_check(address_numeric(&ip, "192.0.2.1", 7) == 0);
    fuzz_check(address_unix(&odd, "@\t=\n\"\\\xff") == 0);
    roster_started(&server->sessions.roster,
                   roster_add(&server->sessions.roster, 1, &ip, server->settings->listens[0]),
                   NO_PROCESS);
    roster_started(&server->sessions.roster,
                   roster_add(&server->sessions.roster, 2, &odd, server->settings->listens[1]),
                   NO_PROCESS + 1);
}

/* A server that accepts every request; since a reload is in progress, it begins no other. */
static struct daemon *server_make(void)
{
    static struct daemon server;
    static struct listener listeners[2];

    daemon_init(&server, &(struct daemon_plan){.settings = load(), .config = "echod\t.conf"});
    server.reload.pid = NO_PROCESS;
    for (size_t i = 0; i < 2; i++) {
        listeners[i] = (struct listener){.fd = -1, .settings = server.settings->listens[i]};
        fuzz_check(address_unix(&listeners[i].address, "/run/a\nb") == 0);
    }
    server.listeners = (struct listeners){.item = listeners, .count = 2};
    fuzz_check(slots_open(&server.sessions.slots, 10) == 0 &&
               access_open(&server.admission.policy) == 0);
    fuzz_check(roster_open(&server.sessions.roster, 10, &server.settings->server->source_prefix) ==
               0);
    add_clients(&server);
    return &server;
}

/* Returns what FD receives until its end. The caller frees it. */
static char *read_answer(int fd)
{
    struct fuzz_output output;
    char buf[4096];
    ssize_t n;

    fuzz_output_open(&output);
    while ((n = recv(fd, buf, sizeof(buf), 0)) > 0)
        fwrite(buf, 1, (size_t)n, output.file);
    return fuzz_output_close(&output);
}

/* Sends DATA to SERVER in pieces of PIECE bytes. Returns the answer, which the caller frees. */
static char *ask(struct daemon *server, const uint8_t *data, size_t size, size_t piece)
{
    struct control_peer *peer = &server->control.peers[0];
    int pair[2];

    fuzz_check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    *peer = (struct control_peer){.fd = pair[0]};
    for (size_t at = 0; at < size && peer->fd >= 0; at += piece) {
        size_t n = piece < size - at ? piece : size - at;
        fuzz_check(send(pair[1], data + at, n, MSG_NOSIGNAL) == (ssize_t)n);
        requests_ready(server, 0);
    }
    shutdown(pair[1], SHUT_WR);
    for (int turns = 0; peer->fd >= 0; turns++) {
        fuzz_check(turns < 100);
        requests_ready(server, 0);
    }
    char *answer = read_answer(pair[1]);
    close(pair[1]);
    return answer;
}

/* A report can be shown as JSON; a refusal is one line. */
static void check_answer(const char *text)
{
    struct answer answer = {.memory = fuzz_text(text, strlen(text))};
    struct fuzz_output output;

    fuzz_check(fuzz_is_printable(text));
    fuzz_check(answer_split(&answer) == 0);
    fuzz_check(!answer.error || *answer.error);
    fuzz_output_open(&output);
    show_json(answer.text, 0, output.file);
    char *json = fuzz_output_close(&output);
    fuzz_check(fuzz_is_json(json));
    free(json);
    answer_free(&answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct daemon *server;
    size_t piece = 1 + fuzz_choice(&data, &size);

    if (!server)
        server = server_make();
    char *whole = ask(server, data, size, size + 1), *pieces = ask(server, data, size, piece);
    /* Only the first line: durations may differ between two reports. */
    size_t line = strcspn(whole, "\n");
    fuzz_check(strncmp(whole, pieces, line + 1) == 0);
    if (*whole)
        check_answer(whole);
    free(whole);
    free(pieces);
    return 0;
}
