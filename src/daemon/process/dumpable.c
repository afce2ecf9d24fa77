#include "daemon/process/dumpable.h"

#include <sys/prctl.h>

void dumpable_set(bool on)
{
    prctl(PR_SET_DUMPABLE, on);
}
