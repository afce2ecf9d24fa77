/*
 * Runs a fuzz target without a fuzzer, on the files named on the command line or on its whole
 * corpus: with the complete file, and with the file truncated at every byte. Prints TAP. Each file
 * is run in a process of its own, so that a crash does not hide the results of others.
 */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <sys/wait.h>
#include <unistd.h>

/* Files longer than this are truncated at this many places, evenly spaced. */
#define CUTS 2000
/* The time limit for a file, after which the target is considered to hang. */
#define PATIENCE_SECONDS 300

static uint8_t *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "re");
    struct fuzz_output output;
    char buf[4096];
    size_t n;

    if (!file) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    fuzz_output_open(&output);
    while ((n = fread(buf, 1, sizeof(buf), file)) > 0)
        fwrite(buf, 1, n, output.file);
    bool failed = ferror(file);
    fclose(file);
    uint8_t *data = (uint8_t *)fuzz_output_close(&output);
    *size = output.size;
    if (failed)
        exit(EXIT_FAILURE);
    return data;
}

/* Runs the target on a copy in memory of exactly SIZE bytes, as libFuzzer does. */
static void run(const uint8_t *data, size_t size)
{
    uint8_t *exact = fuzz_copy(data, size);

    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

static void run_file(const char *path)
{
    size_t size;
    uint8_t *data = read_file(path, &size);

    alarm(PATIENCE_SECONDS);
    for (size_t cut = 0; cut < size; cut += 1 + size / CUTS)
        run(data, cut);
    run(data, size);
    free(data);
    exit(EXIT_SUCCESS);
}

/* Returns whether the target succeeded. */
static bool replay(const char *path)
{
    int status;
    pid_t pid = fork();

    if (pid == 0)
        run_file(path);
    while (pid > 0 && waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return false;
    return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void find_corpus(const char *program, char *path, size_t size)
{
    const char *name = strrchr(program, '/'), *tree = getenv("ECHOD_SRCDIR");

    name = name ? name + 1 : program;
    name += strncmp(name, "fuzz_", 5) == 0 ? 5 : 0;
    snprintf(path, size, "%s/tests/fuzz/corpus/%s", tree ? tree : ".", name);
}

static int is_seed(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* Prints the result for FILE, number COUNT. Returns 1 for a failure. */
static int report(const char *path, const char *name, int count)
{
    bool good = replay(path);

    printf("%s %d - %s\n", good ? "ok" : "not ok", count, name);
    fflush(stdout); /* before the next fork */
    return !good;
}

static int replay_corpus(const char *program, int *count)
{
    char directory[PATH_MAX], path[PATH_MAX + 256];
    struct dirent **seeds;
    int failed = 0;

    find_corpus(program, directory, sizeof(directory));
    *count = scandir(directory, &seeds, is_seed, alphasort);
    if (*count <= 0) {
        fprintf(stderr, "%s: there are no seeds: give files, or the tree in ECHOD_SRCDIR\n",
                directory);
        exit(EXIT_FAILURE);
    }
    for (int i = 0; i < *count; i++) {
        snprintf(path, sizeof(path), "%s/%s", directory, seeds[i]->d_name);
        failed += report(path, seeds[i]->d_name, i + 1);
        free(seeds[i]);
    }
    free(seeds);
    return failed;
}

int main(int argc, char **argv)
{
    int failed = 0, count = argc - 1;

    for (int i = 1; i < argc; i++)
        failed += report(argv[i], argv[i], i);
    if (argc == 1)
        failed = replay_corpus(argv[0], &count);
    printf("1..%d\n", count);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
