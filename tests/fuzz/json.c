/*
 * A strict validator of JSON, so that any other parser can read what echoctl writes.
 */
#include "fuzz.h"

/* Each of these returns whether *TEXT begins with what its name says, and advances past it. */
static bool take_value(const char **text, int depth);

static void take_blanks(const char **text)
{
    *text += strspn(*text, " \t\n\r");
}

static bool take(const char **text, const char *token)
{
    size_t len = strlen(token);

    if (strncmp(*text, token, len) != 0)
        return false;
    *text += len;
    return true;
}

/* The part of an escape after the backslash. */
static bool take_escape(const char **text)
{
    if (take(text, "u")) {
        bool hex = strspn(*text, "0123456789abcdefABCDEF") >= 4;
        *text += hex ? 4 : 0;
        return hex;
    }
    bool known = **text && strchr("\"\\/bfnrt", **text);
    *text += known;
    return known;
}

static bool take_string(const char **text)
{
    if (!take(text, "\""))
        return false;
    while (!take(text, "\"")) {
        if ((unsigned char)**text < 0x20) /* includes the end of TEXT */
            return false;
        if (!take(text, "\\"))
            ++*text;
        else if (!take_escape(text))
            return false;
    }
    return true;
}

/* Accepts only integers, as echod and its tools write no other numbers. */
static bool take_number(const char **text)
{
    take(text, "-");
    size_t digits = strspn(*text, "0123456789");
    bool good = digits == 1 || (digits > 1 && **text != '0');

    *text += digits;
    return good;
}

/* A comma-separated list of items, each of which TAKE_ITEM takes, up to CLOSE. */
static bool take_items(const char **text, const char *close, int depth,
                       bool (*take_item)(const char **text, int depth))
{
    take_blanks(text);
    if (take(text, close))
        return true;
    do {
        if (!take_item(text, depth))
            return false;
    } while (take(text, ","));
    return take(text, close);
}

static bool take_member(const char **text, int depth)
{
    take_blanks(text);
    if (!take_string(text))
        return false;
    take_blanks(text);
    return take(text, ":") && take_value(text, depth);
}

static bool take_value(const char **text, int depth)
{
    bool good;

    take_blanks(text);
    if (depth == 0)
        return false;
    if (take(text, "{"))
        good = take_items(text, "}", depth - 1, take_member);
    else if (take(text, "["))
        good = take_items(text, "]", depth - 1, take_value);
    else if (**text == '"')
        good = take_string(text);
    else
        good = take_number(text) || take(text, "true") || take(text, "false") || take(text, "null");
    take_blanks(text);
    return good;
}

bool fuzz_is_json(const char *text)
{
    return take_value(&text, 8) && *text == '\0';
}
