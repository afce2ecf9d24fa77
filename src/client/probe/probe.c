#include "client/probe/probe.h"

#include <endian.h>
#include <string.h>
#include <zlib.h>

#define MARK_AT 4
#define CRC_AT 24

static const char magic[4] = "Echo";

struct header {
    uint32_t seq;
    char magic[4];
    uint32_t run;
    uint32_t size;
    uint64_t time;
    uint32_t crc;
} __attribute__((packed));
_Static_assert(sizeof(struct header) == PROBE_HEADER, "the header has no holes");

/* Returns a byte of the padding. Since 167 is odd, 256 consecutive bytes all differ. */
static uint8_t filling(const struct probe *p, size_t at)
{
    return (uint8_t)(at * 167 + p->seq * 31 + p->run);
}

static uint8_t byte_behind_header(const struct probe *p, size_t at)
{
    return at == p->size - 1 ? '\n' : filling(p, at);
}

/* Returns the checksum of HEADER, whose checksum must still be 0, and of all that follows it. */
static uint32_t checksum(const struct probe *p, const struct header *header)
{
    uint8_t block[256];
    uLong crc = crc32(0, (const Bytef *)header, sizeof(*header));

    for (size_t at = sizeof(*header); at < p->size;) {
        size_t count = 0;
        while (count < sizeof(block) && at < p->size)
            block[count++] = byte_behind_header(p, at++);
        crc = crc32(crc, block, (uInt)count);
    }
    return (uint32_t)crc;
}

static struct header header_of(const struct probe *p)
{
    struct header header = {
        .seq = htole32(p->seq),
        .run = htole32(p->run),
        .size = htole32(p->size),
        .time = htole64(p->time),
    };

    memcpy(header.magic, magic, sizeof(magic));
    if (p->size >= PROBE_HEADER)
        header.crc = htole32(checksum(p, &header));
    return header;
}

void probe_write(const struct probe *probe, void *buf)
{
    struct header header = header_of(probe);
    uint8_t *bytes = buf;
    size_t head = probe->size < PROBE_HEADER ? probe->size : PROBE_HEADER;

    memcpy(bytes, &header, head);
    for (size_t at = head; at < probe->size; at++)
        bytes[at] = byte_behind_header(probe, at);
    if (probe->size > 1 && probe->size < PROBE_HEADER)
        bytes[probe->size - 1] = '\n';
}

/* Returns the byte at AT of the probe with this HEADER, as probe_write() would write it. */
static int byte_at(const struct probe *p, const struct header *header, size_t at)
{
    if (at >= p->size)
        return -1;
    if (p->size > 1 && p->size < PROBE_HEADER && at == p->size - 1)
        return '\n';
    return at < PROBE_HEADER ? ((const uint8_t *)header)[at] : byte_behind_header(p, at);
}

size_t probe_compare(const struct probe *probe, const void *data, size_t len, int *expected,
                     size_t *same)
{
    struct header header = header_of(probe);
    const uint8_t *bytes = data;
    size_t first = len;

    *same = 0;
    for (size_t at = 0; at < len; at++) {
        int byte = byte_at(probe, &header, at);
        if (byte == bytes[at]) {
            (*same)++;
            continue;
        }
        if (first == len)
            *expected = byte;
        first = at < first ? at : first;
    }
    return first;
}

bool probe_read(const void *data, size_t len, uint32_t run, struct probe *probe)
{
    struct header header;

    if (len < sizeof(header))
        return false;
    memcpy(&header, data, sizeof(header));
    *probe = (struct probe){
        .run = le32toh(header.run),
        .seq = le32toh(header.seq),
        .size = le32toh(header.size),
        .time = le64toh(header.time),
    };
    if (memcmp(header.magic, magic, sizeof(magic)) != 0 || probe->run != run || probe->size != len)
        return false;
    uint32_t crc = le32toh(header.crc);
    header.crc = 0;
    uLong actual = crc32(0, (const Bytef *)&header, sizeof(header));
    const Bytef *rest = (const Bytef *)data + sizeof(header);
    return crc == crc32(actual, rest, (uInt)(len - sizeof(header)));
}

ssize_t probe_find(const void *data, size_t len, size_t start, uint32_t run)
{
    uint8_t mark[PROBE_MARK - MARK_AT];
    uint32_t little = htole32(run);

    memcpy(mark, magic, sizeof(magic));
    memcpy(mark + sizeof(magic), &little, sizeof(little));
    if (len < start + PROBE_MARK)
        return -1;
    const uint8_t *from = (const uint8_t *)data + start + MARK_AT;
    const uint8_t *found = memmem(from, len - start - MARK_AT, mark, sizeof(mark));
    return found ? found - (const uint8_t *)data - MARK_AT : -1;
}
