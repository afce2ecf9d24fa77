#include "base/json.h"

void json_string(const char *text, FILE *to)
{
    fputc('"', to);
    for (; *text; text++) {
        if ((unsigned char)*text < ' ') {
            fprintf(to, "\\u%04x", (unsigned)(unsigned char)*text);
            continue;
        }
        if (*text == '"' || *text == '\\')
            fputc('\\', to);
        fputc(*text, to);
    }
    fputc('"', to);
}
