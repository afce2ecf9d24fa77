/*
 * Whatever answer echoctl receives, its JSON output is valid. The first byte of the input chooses
 * how the answer is shown.
 */
#include "base/escape.h"
#include "ctl/request.h"
#include "ctl/show.h"

#include "fuzz.h"

static void show_object(char *report, FILE *to)
{
    show_json(report, 1, to);
}

static void show_array(char *report, FILE *to)
{
    show_json(report, 0, to);
}

static char *show_with(void (*show)(char *report, FILE *to), char *report)
{
    struct fuzz_output output;

    fuzz_output_open(&output);
    show(report, output.file);
    return fuzz_output_close(&output);
}

static size_t count_lines(const char *text)
{
    size_t count = 0;

    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line != '\0')
        count += *line != '\n';
    return count;
}

static void check_json(void (*show)(char *report, FILE *to), char *report)
{
    bool clean = fuzz_is_utf8(report), single = show == show_object;
    size_t lines = count_lines(report);
    char *json = show_with(show, report);

    fuzz_check(fuzz_is_utf8(json) || !clean);
    fuzz_check(fuzz_is_json(json) || (single && lines > 1)); /* a single object is on one line */
    free(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const shows[])(char *report, FILE *to) = {show_array, show_object,  show_table,
                                                            show_pairs, show_verdict, show_metrics};
    size_t choice = fuzz_choice(&data, &size) % 6;
    struct answer answer = {.memory = fuzz_text(data, size)};
    if (size % 2) {
        answer_escape(&answer, strlen(answer.memory));
        fuzz_check(fuzz_is_utf8(answer.memory) && !strpbrk(answer.memory, "\x1b\x07\x7f\r"));
    }
    int r = answer_split(&answer);

    if (r == 0 && (choice < 2 || shows[choice] == show_metrics))
        check_json(shows[choice], answer.text);
    else if (r == 0)
        free(show_with(shows[choice], answer.text));
    fuzz_check(r < 0 || !answer.error || strlen(answer.error) < ESCAPED_SIZE(size));
    answer_free(&answer);
    return 0;
}
