/* For ./configure --enable-coverage only: workers have no filter, and say so. */
#include "borrowed.h"

#include <errno.h>

int __real_filter_load(const void *slot_page);
int __wrap_filter_load(const void *slot_page);

int __wrap_filter_load(const void *slot_page)
{
    borrowed_run(__real_filter_load, slot_page);
    return -EOPNOTSUPP;
}
