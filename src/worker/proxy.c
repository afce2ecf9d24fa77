#include "worker/proxy.h"

#include "base/macros.h"
#include "base/text.h"
#include "ipc/end.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Makes an address of BYTES. A v4-mapped IPv6 address becomes IPv4. */
static struct address make_address(int family, const void *bytes, uint16_t port)
{
    struct address address;

    if (family == AF_INET) {
        address = (struct address){.len = sizeof(address.in), .in = {.sin_family = AF_INET}};
        memcpy(&address.in.sin_addr, bytes, sizeof(address.in.sin_addr));
    } else {
        address = (struct address){.len = sizeof(address.in6), .in6 = {.sin6_family = AF_INET6}};
        memcpy(&address.in6.sin6_addr, bytes, sizeof(address.in6.sin6_addr));
    }
    address_set_port(&address, port);
    address_normalise(&address);
    return address;
}

/* ---- version 1: a line of text ---- */

#define LINE_PREFIX "PROXY "
#define LINE_MIN 15 /* "PROXY UNKNOWN" CR LF */
#define LINE_MAX 107

/* Decimal, without a sign or a leading zero. */
static int port_parse(const char *text, uint16_t *port)
{
    uint64_t number;

    if (!text || (text[0] == '0' && text[1]) || number_parse(text, &number) < 0 ||
        number > UINT16_MAX)
        return -EPROTO;
    *port = (uint16_t)number;
    return 0;
}

/* As inet_pton(3): no abbreviated forms, no leading zeros. */
static int text_address(int family, const char *host, const char *port, struct address *address)
{
    struct in6_addr bytes;
    uint16_t number;

    if (!host || inet_pton(family, host, &bytes) != 1 || port_parse(port, &number) < 0)
        return -EPROTO;
    *address = make_address(family, &bytes, number);
    return 0;
}

/* Parses "TCP4 SOURCE DESTINATION PORT PORT", or UNKNOWN and anything, up to the NUL at END. */
static int parse_fields(char *text, const char *end, struct proxied *proxied)
{
    char *kind = strsep(&text, " "), *fields[4];

    if (strcmp(kind, "UNKNOWN") == 0)
        return text || kind + strlen(kind) == end ? 0 : -EPROTO;
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
        fields[i] = strsep(&text, " ");
    bool all = fields[3] && fields[3] + strlen(fields[3]) == end; /* no NUL before END */
    if (!all || (strcmp(kind, "TCP4") != 0 && strcmp(kind, "TCP6") != 0))
        return -EPROTO;
    int family = kind[3] == '4' ? AF_INET : AF_INET6;
    int r = text_address(family, fields[0], fields[2], &proxied->source);
    return r == 0 ? text_address(family, fields[1], fields[3], &proxied->destination) : r;
}

static int parse_line(const uint8_t *bytes, size_t len, struct proxied *proxied)
{
    const size_t prefix = strlen(LINE_PREFIX);
    const uint8_t *end = bytes + len;
    const uint8_t *cr = memchr(bytes, '\r', len), *lf = memchr(bytes, '\n', len);
    char text[LINE_MAX];

    if ((lf && (!cr || lf != cr + 1)) || (cr && cr + 1 < end && cr[1] != '\n'))
        return -EPROTO;
    if (!lf) {
        size_t more = len < LINE_MIN ? LINE_MIN - len : cr ? 1 : 2;
        return len + more <= LINE_MAX ? (int)more : -EPROTO;
    }
    if (len < LINE_MIN || len > LINE_MAX || lf + 1 != end)
        return -EPROTO;
    size_t size = len - prefix - 2;
    memcpy(text, bytes + prefix, size);
    text[size] = '\0';
    return parse_fields(text, text + size, proxied);
}

/* ---- version 2: binary ---- */

#define HEAD 16 /* signature, version and command, family and protocol, length */
#define COMMAND_LOCAL 0x20
#define COMMAND_PROXY 0x21
#define TLV_HEAD 3
#define TLV_CRC32C 3
#define CRC_SIZE 4

static const uint8_t signature[12] = "\r\n\r\n\0\r\nQUIT\n";

static uint16_t get16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static uint32_t crc32c_add(uint32_t crc, uint8_t byte)
{
    crc ^= byte;
    for (int bit = 0; bit < 8; bit++)
        crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0); /* the Castagnoli polynomial, reflected */
    return crc;
}

/* Whether the CRC-32c (RFC 9260, appendix A) of the LEN bytes at BYTES is the one stored at offset
 * AT, which counts as zeros. */
static bool crc_is_right(const uint8_t *bytes, size_t len, size_t at)
{
    uint32_t crc = UINT32_MAX, told = (uint32_t)get16(bytes + at) << 16 | get16(bytes + at + 2);

    for (size_t i = 0; i < len; i++)
        crc = crc32c_add(crc, i >= at && i < at + CRC_SIZE ? 0 : bytes[i]);
    return ~crc == told;
}

/* Checks the type-length-values from offset AT on. Only the checksum, at most one, is used. */
static int check_tlvs(const uint8_t *bytes, size_t len, size_t at)
{
    bool checked = false;

    while (at < len) {
        if (len - at < TLV_HEAD || len - at - TLV_HEAD < get16(bytes + at + 1))
            return -EPROTO;
        size_t size = get16(bytes + at + 1), value = at + TLV_HEAD;
        if (bytes[at] == TLV_CRC32C && (size != CRC_SIZE || checked))
            return -EPROTO;
        if (bytes[at] == TLV_CRC32C && !crc_is_right(bytes, len, value))
            return -EBADMSG;
        checked = checked || bytes[at] == TLV_CRC32C;
        at = value + size;
    }
    return 0;
}

/* Parses a complete header with the command PROXY. */
static int parse_block(const uint8_t *bytes, size_t len, struct proxied *proxied)
{
    /* Bytes of an address without its port, by the address family. */
    static const size_t sizes[] = {0, 4, 16, 108};
    unsigned family = bytes[13] >> 4, protocol = bytes[13] & 0xf;

    if (family >= ARRAY_SIZE(sizes) || protocol > 2)
        return -EPROTO;
    if (family == 0 || protocol == 0)
        return 0; /* unspecified: the rest must be ignored */
    bool ip = family < 3;
    const uint8_t *source = bytes + HEAD, *ports = source + 2 * sizes[family];
    size_t end = HEAD + 2 * sizes[family] + (ip ? 2 * sizeof(uint16_t) : 0);
    if (end > len)
        return -EPROTO;
    if (ip && protocol == 1) {
        int af = family == 1 ? AF_INET : AF_INET6;
        proxied->source = make_address(af, source, get16(ports));
        proxied->destination = make_address(af, source + sizes[family], get16(ports + 2));
    }
    return check_tlvs(bytes, len, end);
}

static int parse_binary(const uint8_t *bytes, size_t len, struct proxied *proxied)
{
    if (len < HEAD)
        return (int)(HEAD - len);
    if (bytes[12] != COMMAND_LOCAL && bytes[12] != COMMAND_PROXY)
        return -EPROTO;
    size_t whole = (size_t)HEAD + get16(bytes + 14);
    if (len != whole)
        return len < whole ? (int)(whole - len) : -EPROTO;
    return bytes[12] == COMMAND_PROXY ? parse_block(bytes, len, proxied) : 0;
}

/* ---- both versions ---- */

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

int proxy_parse(const uint8_t *bytes, size_t len, enum proxy_protocol wanted,
                struct proxied *proxied)
{
    static const struct proxied nobody = {0};
    bool first = memcmp(bytes, LINE_PREFIX, least(len, strlen(LINE_PREFIX))) == 0;
    bool second = memcmp(bytes, signature, least(len, sizeof(signature))) == 0;

    *proxied = nobody;
    if (!first && !second)
        return -EPROTO;
    if (len == 0)
        return LINE_MIN; /* less than HEAD, so right for both versions */
    if (wanted != PROXY_ANY && wanted != (first ? PROXY_V1 : PROXY_V2))
        return -EPROTONOSUPPORT;
    int r = first ? parse_line(bytes, len, proxied) : parse_binary(bytes, len, proxied);
    if (r != 0)
        *proxied = nobody;
    return r;
}

static int fail(const struct stream *stream, int error)
{
    atomic_store(&stream->slot->error, error);
    return END_PROXY;
}

/* Returns as proxy_receive(). HEADER has PROXY_HEADER_MAX bytes; STREAM has the time limits of the
 * header. */
static int receive_all(struct stream *stream, enum proxy_protocol wanted, struct proxied *proxied,
                       uint8_t *header)
{
    size_t len = 0;
    int missing;

    while ((missing = proxy_parse(header, len, wanted, proxied)) > 0) {
        stream->unfinished = len > 0;
        ssize_t n = stream_receive(stream, header + len, (size_t)missing, 0);
        if (n == 0)
            return len == 0 ? END_CLOSED : fail(stream, EPROTO);
        if (n < 0)
            return (int)n;
        len += (size_t)n;
    }
    return missing < 0 ? fail(stream, -missing) : 0;
}

int proxy_receive(struct stream *stream, uint64_t until, enum proxy_protocol wanted,
                  struct proxied *proxied)
{
    struct stream limited = *stream;

    limited.idle = 0;
    if (stream->deadline == 0 || until < stream->deadline)
        limited.deadline = until;
    /* Not static: it would lie between what other workers write to. */
    uint8_t *header = malloc(PROXY_HEADER_MAX);
    int r = header ? receive_all(&limited, wanted, proxied, header) : -ENOMEM;
    free(header);
    stream->receive_limit = limited.receive_limit;
    atomic_store(&stream->slot->bytes_in, 0); /* the header is not data of the client */
    return r == -ETIME && limited.deadline == until ? fail(stream, ETIME) : r;
}
