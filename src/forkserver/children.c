#include "forkserver/children.h"

#include "forkserver/private.h"

#include <errno.h>
#include <sys/mman.h>

#define FIRST_ROOM 512 /* must be a power of two */

/* No further hashing is needed, because consecutive process IDs fill consecutive places. */
static size_t home(const struct children *children, pid_t pid)
{
    return (size_t)pid & (children->room - 1);
}

static size_t next(const struct children *children, size_t at)
{
    return (at + 1) & (children->room - 1);
}

void children_add(struct children *children, pid_t pid, uint64_t job)
{
    size_t at = home(children, pid);

    while (children->place[at].pid != 0)
        at = next(children, at);
    children->place[at] = (struct child){.pid = pid, .job = job};
    children->live++;
}

static int grow(struct children *children)
{
    struct children larger = {.room = children->room ? 2 * children->room : FIRST_ROOM};

    larger.place = private_allocate(larger.room * sizeof(struct child));
    if (!larger.place)
        return -ENOMEM;
    for (size_t i = 0; i < children->room; i++)
        if (children->place[i].pid != 0)
            children_add(&larger, children->place[i].pid, children->place[i].job);
    if (children->place)
        munmap(children->place, children->room * sizeof(struct child));
    *children = larger;
    return 0;
}

int children_reserve(struct children *children)
{
    return 2 * (children->live + 1) > children->room ? grow(children) : 0;
}

/* Fills the hole at AT with later entries, which a search would not find after a free place. */
static void close_hole(struct children *children, size_t at)
{
    for (size_t i = next(children, at); children->place[i].pid != 0; i = next(children, i)) {
        size_t from_home = (i - home(children, children->place[i].pid)) & (children->room - 1);
        size_t from_hole = (i - at) & (children->room - 1);
        if (from_home < from_hole)
            continue;
        children->place[at] = children->place[i];
        at = i;
    }
    children->place[at].pid = 0;
}

uint64_t children_remove(struct children *children, pid_t pid)
{
    if (children->live == 0)
        return 0;
    size_t at = home(children, pid);
    while (children->place[at].pid != 0 && children->place[at].pid != pid)
        at = next(children, at);
    if (children->place[at].pid == 0)
        return 0;
    uint64_t job = children->place[at].job;
    children->live--;
    close_hole(children, at);
    return job;
}
