/*
 * CRC-32 as Ethernet, gzip and zlib have it (ISO/IEC 8802-3; polynomial 0x04c11db7, reflected).
 */
#ifndef ECHOD_CLIENT_CRC32_H
#define ECHOD_CLIENT_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* The checksum of what had the checksum CRC (nothing: 0), followed by the LEN bytes at DATA. */
uint32_t crc32_add(uint32_t crc, const void *data, size_t len);

#endif
