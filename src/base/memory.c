#include "base/memory.h"

#include "base/exhausted.h"

#include <stdlib.h>
#include <string.h>

void *memory_had(void *memory)
{
    if (memory)
        return memory;
    memory_exhausted();
}

void *memory_zeroed(size_t count, size_t size)
{
    return memory_had(calloc(count ? count : 1, size));
}

void *array_append(void *array, size_t *count, size_t size)
{
    char *grown = memory_had(reallocarray(array, *count + 1, size));

    memset(grown + *count * size, 0, size);
    (*count)++;
    return grown;
}
