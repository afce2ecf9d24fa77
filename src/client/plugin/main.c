#include "base/exhausted.h"
#include "client/plugin/check_echo.h"

#include <stdio.h>
#include <stdlib.h>

void memory_exhausted(void)
{
    puts("ECHO UNKNOWN - out of memory");
    exit(CHECK_UNKNOWN);
}

int main(int argc, char **argv)
{
    return check_main(argc, argv);
}
