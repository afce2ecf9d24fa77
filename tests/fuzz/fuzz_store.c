/*
 * Store requests from a worker controlled by an attacker: the scribe turns them into records of
 * messages that identify the sender, have only fields that echod defines, and are harmless on a
 * terminal.
 */
#include "log/event.h"
#include "log/record.h"
#include "ipc/store.h"
#include "scribe/vet.h"

#include "fuzz.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define PREFIX "message from "

static bool is(const char *field, const char *name)
{
    return strncmp(field, name, strlen(name)) == 0;
}

/* Each field that identifies the record occurs once, and the worker's fields come last. */
static void check_certain(const char *record, size_t size)
{
    static const char *const certain[] = {
        "PRIORITY=", "ECHOD_TIME=", "MESSAGE=", "ECHOD_EVENT=", "MESSAGE_ID=", "ECHOD_PID="};
    const char *field = NULL;
    char pid[32];

    for (size_t i = 0; i < sizeof(certain) / sizeof(certain[0]); i++) {
        field = record_next(record, size, field);
        fuzz_check(field && is(field, certain[i]));
    }
    while ((field = record_next(record, size, field)) != NULL) {
        fuzz_check(is(field, "ECHOD_"));
        for (size_t i = 0; i < sizeof(certain) / sizeof(certain[0]); i++)
            fuzz_check(!is(field, certain[i]));
    }
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    fuzz_check(strcmp(record_get(record, size, "ECHOD_PID"), pid) == 0);
    fuzz_check(strcmp(record_get(record, size, "PRIORITY"), "6") == 0);
    fuzz_check(is(record_get(record, size, "MESSAGE"), PREFIX));
    fuzz_check(
        strcmp(record_get(record, size, "ECHOD_EVENT"), event_meaning(EVENT_MESSAGE)->name) == 0);
}

static void check_vetted(const char *data, size_t len, pid_t sender)
{
    size_t size;
    const char *record = vet_record(data, len, sender, &size), *field = NULL;

    fuzz_check(size > 0 && record[size - 1] == '\0');
    while ((field = record_next(record, size, field)) != NULL)
        fuzz_check(fuzz_is_utf8(field) && fuzz_is_printable(field) && !strchr(field, '\n'));
    check_certain(record, size);
}

/* Sends DATA; the scribe must receive all of it or nothing. */
static void check_sent(const int ends[2], const uint8_t *data, size_t size)
{
    static char buf[STORE_RECORD_MAX];
    struct store_head head, answer;
    pid_t sender = 0;
    ssize_t n;

    fuzz_check(send(ends[0], data, size, 0) == (ssize_t)size);
    while ((n = store_peek(ends[1], &head, buf, &sender)) > 0) {
        char *exact = (char *)fuzz_copy(buf, (size_t)n);
        fuzz_check((size_t)n == size - sizeof(head) && sender == getpid());
        fuzz_check(memcmp(exact, data + sizeof(head), (size_t)n) == 0);
        check_vetted(exact, (size_t)n, sender);
        free(exact);
        head.error = 0;
        store_answer(ends[1], &head);
        fuzz_check(recv(ends[0], &answer, sizeof(answer), 0) == sizeof(answer));
        fuzz_check(answer.id == head.id);
    }
    fuzz_check(n == (size > sizeof(head) ? -EAGAIN : -EPROTO));
    fuzz_check(store_peek(ends[1], &head, buf, &sender) == -EAGAIN); /* it was removed */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int ends[2];

    if (ends[1] == 0)
        fuzz_check(store_open(ends) == 0);
    if (size > 0 && size <= STORE_RECORD_MAX)
        check_sent(ends, data, size);
    return 0;
}
