#include "service/whoami_syn.h"

#include "base/json.h"
#include "base/macros.h"
#include "base/text.h"
#include "net/syn.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

/* Includes IPv6 extension headers. A longer SYN is reported as unknown. */
#define SYN_BYTES_MAX 512

static void put_text(FILE *to, const char *name, const char *text)
{
    fprintf(to, ", \"%s\": ", name);
    if (text)
        json_string(text, to);
    else
        fputs("null", to);
}

static void put_number(FILE *to, const char *name, int value)
{
    if (value >= 0)
        fprintf(to, ", \"%s\": %d", name, value);
    else
        fprintf(to, ", \"%s\": null", name);
}

static void put_flag(FILE *to, const char *name, const bool *flag)
{
    fprintf(to, ", \"%s\": %s", name, !flag ? "null" : *flag ? "true" : "false");
}

/* ---- the negotiated options ---- */

static void put_agreed(FILE *to, int fd)
{
    static const struct {
        unsigned flag;
        const char *name;
    } all[] = {
        {TCPI_OPT_TIMESTAMPS, "timestamps"},
        {TCPI_OPT_SACK, "sack"},
        {TCPI_OPT_WSCALE, "window_scale"},
        {TCPI_OPT_ECN, "ecn"},
    };
    struct tcp_info info = {0};
    socklen_t len = sizeof(info);
    bool tcp = getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0;
    /* The kernel has subtracted the timestamp option of each segment from the MSS that it sent. */
    unsigned spent = info.tcpi_options & TCPI_OPT_TIMESTAMPS ? 12 : 0;
    char text[64] = "";

    for (size_t i = 0; i < ARRAY_SIZE(all); i++)
        if (info.tcpi_options & all[i].flag)
            text_append(text, sizeof(text), "%s%s", text[0] ? "," : "", all[i].name);
    put_number(to, "sent_mss", tcp ? (int)(info.tcpi_advmss + spent) : -1);
    put_text(to, "agreed", tcp ? text : NULL);
}

/* ---- the SYN ---- */

/* Reads the saved SYN of FD. Returns NULL, or the reason why there is none. */
static const char *get_syn(int fd, struct syn *syn)
{
    uint8_t bytes[SYN_BYTES_MAX];
    socklen_t len = sizeof(bytes);
    int type = 0;
    socklen_t type_len = sizeof(type);

    if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &type, &type_len) < 0 || type != IPPROTO_TCP)
        return "not a TCP connection";
    if (getsockopt(fd, IPPROTO_TCP, TCP_SAVED_SYN, bytes, &len) < 0)
        return "the kernel does not return it";
    if (len == 0)
        return "the kernel did not save it: SYN cookies, or a listener that did not ask for it";
    return syn_parse(bytes, len, syn) < 0 ? "it cannot be read" : NULL;
}

static void put_known(FILE *to, const struct syn *syn)
{
    char options[SYN_OPTIONS_TEXT_MAX];

    put_number(to, "syn_ttl", syn->ttl);
    put_number(to, "syn_dscp", syn->dscp);
    put_number(to, "syn_ecn", syn->ecn);
    put_flag(to, "syn_ecn_setup", &syn->ecn_setup);
    put_number(to, "syn_window", syn->window);
    put_number(to, "syn_mss", syn->mss);
    put_number(to, "syn_window_scale", syn->window_scale);
    put_flag(to, "syn_sack", &syn->sack);
    put_flag(to, "syn_timestamps", &syn->timestamps);
    put_text(to, "syn_options", syn_options(syn, options));
}

static void put_unknown(FILE *to)
{
    static const char *const all[] = {
        "syn_ttl", "syn_dscp",         "syn_ecn",  "syn_ecn_setup",  "syn_window",
        "syn_mss", "syn_window_scale", "syn_sack", "syn_timestamps", "syn_options",
    };

    for (size_t i = 0; i < ARRAY_SIZE(all); i++)
        put_text(to, all[i], NULL);
}

void whoami_put_handshake(FILE *to, int fd, bool proxied)
{
    struct syn syn;
    const char *why = get_syn(fd, &syn);

    put_agreed(to, fd);
    put_text(to, "syn", why ? NULL : proxied ? "proxy" : "client");
    put_text(to, "syn_missing", why);
    if (why)
        put_unknown(to);
    else
        put_known(to, &syn);
}
