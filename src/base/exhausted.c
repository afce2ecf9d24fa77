#include "base/exhausted.h"

#include "base/exit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

void memory_exhausted(void)
{
    fprintf(stderr, "%s: out of memory\n", program_invocation_short_name);
    exit(EXIT_OSERR);
}
