#include "client/connect/lookup.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/memory.h"
#include "base/text.h"
#include "client/io/wait.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Enough for any resolver. The default would depend on the caller's stack limit. */
#define STACK ((size_t)2 << 20)

/* How many descriptors a lookup may use at once, for files and sockets to name servers. */
#define LOOKUP_FDS 4

/* Shared by the thread and the caller. The last of them to leave frees it. */
struct job {
    char *host, *service;
    struct addrinfo hints;
    struct addrinfo *found;
    int result, error; /* the result of getaddrinfo(3), and errno */
    int done;          /* an eventfd(2) */
    atomic_bool left;  /* one of them has left */
};

static void release_job(struct job *job)
{
    if (!atomic_exchange(&job->left, true))
        return;
    if (job->found)
        freeaddrinfo(job->found);
    fd_close(&job->done);
    free(job->host);
    free(job->service);
    free(job);
}

/* Checks whether enough descriptors are free: otherwise glibc reports that the host is unknown.
 * Returns 0 or an errno. */
static int try_descriptors(int fd)
{
    int held[LOOKUP_FDS], error = 0;
    size_t count = 0;

    while (count < LOOKUP_FDS && error == 0) {
        held[count] = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        if (held[count] < 0)
            error = errno;
        else
            count++;
    }
    while (count > 0)
        close(held[--count]);
    return error;
}

static void fail(struct job *job)
{
    int shortage = try_descriptors(job->done);

    job->found = NULL;
    if (shortage) {
        job->result = EAI_SYSTEM;
        job->error = shortage;
    }
}

static void *lookup_thread(void *context)
{
    struct job *job = context;
    uint64_t one = 1;

    job->result = getaddrinfo(job->host, job->service, &job->hints, &job->found);
    job->error = errno;
    if (job->result != 0)
        fail(job);
    ssize_t ignored = write(job->done, &one, sizeof(one)); /* cannot fail */
    (void)ignored;
    release_job(job);
    return NULL;
}

/* Starts the thread, with all signals blocked. Returns 0 or an errno. */
static int start(struct job *job)
{
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, before;

    sigfillset(&all);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int r = pthread_create(&thread, &attributes, lookup_thread, job);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return r;
}

/* Waits for the job. Returns whether it was done by DEADLINE. */
static bool await(const struct job *job, uint64_t deadline)
{
    struct pollfd set = {.fd = job->done, .events = POLLIN};

    do
        if (poll(&set, 1, clock_timeout(deadline)) > 0)
            return true;
    while (clock_now() < deadline);
    return false;
}

static int look_up_name(const char *host, const char *service, const struct addrinfo *hints,
                        uint64_t deadline, struct addrinfo **found)
{
    struct job *job = memory_zeroed(1, sizeof(*job));

    *job = (struct job){.host = text_copy(host), .service = text_copy(service), .hints = *hints};
    job->done = eventfd(0, EFD_CLOEXEC);
    int error = job->done < 0 ? errno : start(job);
    if (error) {
        job->left = true;
        release_job(job);
        errno = error;
        return EAI_SYSTEM;
    }
    int r = EAI_INPROGRESS;
    if (await(job, deadline)) {
        r = job->result;
        *found = job->found;
        job->found = NULL;
        errno = job->error;
    }
    error = errno;
    release_job(job);
    errno = error;
    return r;
}

int lookup(const char *host, const char *service, const struct addrinfo *hints, uint64_t deadline,
           struct addrinfo **found)
{
    struct addrinfo numeric = *hints;

    numeric.ai_flags |= AI_NUMERICHOST | AI_NUMERICSERV;
    int r = getaddrinfo(host, service, &numeric, found);
    if (r == 0 || r == EAI_ADDRFAMILY)
        return r;
    return look_up_name(host, service, hints, deadline, found);
}
