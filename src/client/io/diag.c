#include "client/io/diag.h"

#include "base/fd.h"
#include "base/text.h"
#include "net/address.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void diag_say(const char *format, ...)
{
    char line[2 * ADDRESS_TEXT_MAX] = "";
    va_list args;

    text_append(line, sizeof(line), "%s: ", program_invocation_short_name);
    size_t used = strlen(line);
    va_start(args, format);
    vsnprintf(line + used, sizeof(line) - 1 - used, format, args);
    va_end(args);
    used = strlen(line);
    line[used] = '\n';
    fd_write_all(STDERR_FILENO, line, used + 1); /* one write, as others may use the terminal */
}

void diag_hint_at_help(void)
{
    diag_say("try '%s --help'", program_invocation_short_name);
}
