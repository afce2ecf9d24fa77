#include "worker/ask.h"

#include "base/span.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

/* The daemon answers at once, but it may be in the middle of a reload, or the machine be slow. */
#define ANSWER_TIME (10 * USEC_PER_SEC)
/* The question is asked again so often; that also bounds how long a SIGTERM that came just before
 * the wait is overlooked. */
#define PATIENCE_NSEC 200000000

/* Whether it was sent. Without the daemon its process ID may be somebody else's. */
static bool send_question(const struct job *job)
{
    return getppid() == job->daemon && kill(job->daemon, SLOT_SIGNAL) == 0;
}

static void await_signal(void)
{
    const struct timespec patience = {.tv_nsec = PATIENCE_NSEC};
    sigset_t answer;

    sigemptyset(&answer);
    sigaddset(&answer, SLOT_SIGNAL);
    sigtimedwait(&answer, NULL, &patience);
}

int ask_daemon(const struct job *job, const struct address *told,
               const volatile sig_atomic_t *stopping)
{
    struct slot *slot = job->slot;
    uint64_t deadline = clock_now() + ANSWER_TIME;
    int answer;

    slot->told = *told;
    atomic_store(&slot->state, SLOT_ASKING);
    while ((answer = atomic_load(&slot->answer)) == SLOT_UNANSWERED) {
        if (*stopping || clock_now() >= deadline || !send_question(job))
            return -ETIME;
        await_signal();
    }
    return answer == SLOT_ADMITTED ? 0 : END_REFUSED;
}
