/*
 * Compiler attributes and other macros.
 */
#ifndef ECHOD_BASE_MACROS_H
#define ECHOD_BASE_MACROS_H

#include <stdbool.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define PRINTF_LIKE(text, args) __attribute__((format(printf, text, args)))
#define NOINLINE __attribute__((noinline))
/* Called by every worker: the linker puts it next to main(), where workers begin. Each 64 KiB of
 * text that a new process enters cost it a page fault. */
#define NEAR_MAIN __attribute__((hot))
#define NORETURN __attribute__((noreturn))

/* Whether a sanitizer is built in, which needs exceptions in some places. */
#if defined(__SANITIZE_ADDRESS__)
#define INSTRUMENTED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define INSTRUMENTED true
#endif
#endif
#ifndef INSTRUMENTED
#define INSTRUMENTED false
#endif

#endif
