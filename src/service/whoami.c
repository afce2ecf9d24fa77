#include "service/service.h"

#include "config.h"

#include "base/escape.h"
#include "base/json.h"
#include "net/tcp_stats.h"
#include "service/whoami_syn.h"

#include <errno.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The object has the same members for every client; those that do not apply are null. */
static void put_number(FILE *to, const char *name, bool known, uint64_t value)
{
    if (known)
        fprintf(to, ", \"%s\": %llu", name, (unsigned long long)value);
    else
        fprintf(to, ", \"%s\": null", name);
}

static void put_text(FILE *to, const char *name, const char *text)
{
    fprintf(to, ", \"%s\": ", name);
    json_string(text, to);
}

/* ADDRESS has the length 0 if there is none. FD is used to query interface names. */
static void put_address(FILE *to, int fd, const char *name, const char *port,
                        const struct address *address)
{
    char text[ADDRESS_TEXT_MAX];

    if (address->len > 0)
        put_text(to, name, address_host_by(fd, address, text, sizeof(text)));
    else
        fprintf(to, ", \"%s\": null", name);
    put_number(to, port, address->len > 0 && address_is_ip(address), address_port(address));
}

static void put_host_name(FILE *to)
{
    char name[HOST_NAME_MAX + 1] = "", safe[ESCAPED_SIZE(sizeof(name))];

    gethostname(name, sizeof(name) - 1);
    escape_bytes(safe, name, strlen(name), NULL);
    put_text(to, "host", safe);
}

static const char *family_name(const struct address *address)
{
    if (!address_is_ip(address))
        return "unix";
    return address->sa.sa_family == AF_INET ? "ipv4" : "ipv6";
}

static void put_transport(FILE *to, int fd)
{
    struct tcp_stats tcp;
    int mss = 0;
    socklen_t len = sizeof(mss);
    bool is_tcp = tcp_stats_get(&tcp, fd);

    getsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &mss, &len);
    put_number(to, "mss", is_tcp, (uint64_t)mss);
    put_number(to, "rtt_us", is_tcp, tcp.rtt);
    put_number(to, "rttvar_us", is_tcp, tcp.rttvar);
    put_number(to, "min_rtt_us", is_tcp, tcp.min_rtt);
    put_number(to, "retransmits", is_tcp, tcp.retransmits);
    put_number(to, "lost", is_tcp, tcp.lost);
    put_number(to, "delivery_rate", is_tcp, tcp.delivery_rate);
    put_number(to, "busy_us", is_tcp, tcp.busy);
    put_number(to, "rwnd_limited_us", is_tcp, tcp.rwnd_limited);
    put_number(to, "sndbuf_limited_us", is_tcp, tcp.sndbuf_limited);
    if (is_tcp)
        put_text(to, "limited_by", tcp_limit(tcp.busy, tcp.rwnd_limited, tcp.sndbuf_limited));
    else
        fputs(", \"limited_by\": null", to);
}

static int describe(FILE *to, const struct stream *stream, const struct session *session)
{
    struct address local;
    int r = address_local(&local, stream->fd);

    if (r < 0)
        return r;
    address_normalise(&local);
    fputs("{\"version\": \"" PACKAGE_VERSION "\"", to);
    put_host_name(to);
    put_text(to, "listener", session->options->listener);
    put_number(to, "pid", true, (uint64_t)getpid());
    put_text(to, "family", family_name(&local));
    put_address(to, stream->fd, "peer", "peer_port", &session->peer);
    put_address(to, stream->fd, "local", "local_port", &local);
    put_address(to, stream->fd, "proxy", "proxy_port", &session->proxy);
    put_address(to, stream->fd, "destination", "destination_port", &session->destination);
    put_transport(to, stream->fd);
    whoami_put_handshake(to, stream->fd, session->proxy.len > 0);
    fputs("}\n", to);
    return 0;
}

int serve_whoami(struct stream *stream, const struct session *session)
{
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);
    int r = to ? describe(to, stream, session) : -ENOMEM;

    if (to && fclose(to) != 0)
        r = -ENOMEM;
    if (r == 0)
        r = stream_send(stream, text, len);
    free(text);
    return r < 0 ? r : END_DONE;
}
