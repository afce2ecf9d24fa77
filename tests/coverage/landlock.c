/* For ./configure --enable-coverage only: nothing is forbidden, though it is said. */
#include "borrowed.h"

int __real_landlock_forbid_all(void);
int __wrap_landlock_forbid_all(void);

static int forbid_all(const void *nothing)
{
    (void)nothing;
    return __real_landlock_forbid_all();
}

int __wrap_landlock_forbid_all(void)
{
    return borrowed_run(forbid_all, 0);
}
