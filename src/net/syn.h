/*
 * The SYN that began a TCP connection, as it arrived here: what TCP_SAVED_SYN returns.
 */
#ifndef ECHOD_NET_SYN_H
#define ECHOD_NET_SYN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A TCP header has 40 bytes for its options, and the shortest option takes one. */
#define SYN_OPTIONS_MAX 40

/* Enough for the names of as many options. */
#define SYN_OPTIONS_TEXT_MAX 640

struct syn {
    uint8_t ttl;                      /* or the hop limit of IPv6 */
    uint8_t dscp;                     /* 0 to 63 (RFC 2474) */
    uint8_t ecn;                      /* of the IP header, 0 to 3 (RFC 3168) */
    bool ecn_setup;                   /* the TCP header asks for ECN: ECE and CWR are set */
    uint16_t window;                  /* not scaled */
    int mss;                          /* -1: there is no such option */
    int window_scale;                 /* likewise */
    bool sack;                        /* SACK is permitted */
    bool timestamps;                  /* (RFC 7323) */
    uint8_t options[SYN_OPTIONS_MAX]; /* their kinds, in the order of the packet */
    size_t option_count;
};

/* Reads the LEN bytes of a packet at DATA, from its IP header (IPv4 or IPv6) to the end of its TCP
 * header, into SYN. Options from a malformed one on are left out, as the kernel does. Returns 0, or
 * -EBADMSG for bytes that are no such headers. */
int syn_parse(const void *data, size_t len, struct syn *syn);

/* The options in their order, by name ("mss,sack,timestamps,nop,window_scale"; "kind-253" of one
 * without a name), in BUF, of SYN_OPTIONS_TEXT_MAX bytes. Returns BUF. */
const char *syn_options(const struct syn *syn, char *buf);

#endif
