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

/* More than any resolver needs; the default would depend on the limit of the caller's stack. */
#define STACK ((size_t)2 << 20)

/* What a lookup opens at once: files, and sockets to name servers. */
#define LOOKUP_FDS 4

/* Two hold it, the thread and who waits; the last to leave frees it. */
struct job {
    char *host, *service;
    struct addrinfo hints;
    struct addrinfo *found;
    int result, error; /* of getaddrinfo(3), and errno */
    int done;          /* an eventfd(2) */
    atomic_bool left;  /* by one of them */
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

/* Whether a lookup's descriptors can be had: to glibc, a name that it could open no file for is
 * unknown. Returns 0 or an errno. */
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
    ssize_t ignored = write(job->done, &one, sizeof(one)); /* an eventfd(2) at 0 takes it */
    (void)ignored;
    release_job(job);
    return NULL;
}

/* Starts the thread, to which no signal is delivered. Returns 0 or an errno. */
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

/* Whether the job was done by the DEADLINE. */
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
