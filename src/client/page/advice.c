#include "client/page/advice.h"

#include "base/macros.h"

#include <string.h>

static const struct {
    const char *kind, *text;
} advice[] = {
    {"nat", "Normal at the edge of a private network. The server sees, and logs, the translated "
            "address. The device keeps a table of connections: it may be full, or forget the idle "
            "ones."},
    {"destination_nat",
     "Normal for a port forwarding or a load balancer. What else is found may be "
     "the doing of that device."},
    {"ttl", "Something ends connections and makes new ones, or hides the length of the path. "
            "traceroute is not to be trusted here."},
    {"dscp", "Normal between networks that have agreed on nothing. Within one network, priorities "
             "for voice or video do not work: look for a device that does not trust marks."},
    {"ecn_field",
     "Congestion is reported where there may be none: connections slow down. Look for a "
     "device that rewrites the whole TOS byte instead of the DSCP alone."},
    {"ecn", "Connections work without ECN, but learn of congestion by losing packets. Look for a "
            "firewall that \"normalises\" TCP flags."},
    {"ecn_back", "Connections learn of congestion by losing packets, though both ends support ECN. "
                 "Look for a device that rewrites the whole TOS byte instead of the DSCP alone."},
    {"mss",
     "Normal where a tunnel (VPN, PPPoE) is in between: segments have to be smaller. Without "
     "a tunnel, look for a firewall rule that sets the MSS."},
    {"mss_back", "The same as for the other direction: normal where a tunnel is in between."},
    {"timestamps", "Look for a firewall that removes TCP options. Connections work, with poorer "
                   "measurements of round trips."},
    {"sack", "Look for a firewall that removes TCP options. Downloads are slow wherever there is "
             "loss."},
    {"window_scale", "Look for a firewall that removes or rewrites TCP options. A connection is "
                     "limited to 64 KiB per round trip, or stalls."},
    {"options", "Something ends connections and makes new ones: a proxy, or a firewall in proxy "
                "mode."},
    {"marks", "Look for a filter on DSCP or TTL."},
    {"connect", "Try echoc ping --flows to tell a dead path from loss."},
    {"mtu", "Connections are made and then hang as soon as they carry much. Have ICMP "
            "\"fragmentation needed\" (IPv4) and \"packet too big\" (IPv6) pass, or have the MSS "
            "clamped by the device with the small MTU."},
    {"icmp", "Let ICMP errors pass: \"destination unreachable\", \"packet too big\" and \"time "
             "exceeded\". Without them, an MTU that is too small makes connections hang."},
    {"truncated", "Something forwards datagrams through a buffer that is too small."},
    {"corrupted", "Checksums did not notice: something on the path rewrites contents, or has "
                  "defective memory."},
    {"udp_proxy", "A relay answers, or sends on, in the name of the server."},
    {"bulk", "See what is found about packet sizes and loss: it is the usual reason."},
    {"idle", "Set TCP keepalive on both ends to less than this time, or raise the limit of the "
             "firewall, load balancer or NAT."},
    {"flows", "Load is shared between several links or devices, and one of them drops all that it "
              "gets: some connections always fail, and others never do. Look for it by these "
              "source ports."},
    {"refused",
     "Compare with the limits of the server (such as max_clients) and with its log. If "
     "the log has nothing about it, a firewall on the path limits or resets connections."},
    {"loss",
     "Look for an overloaded link, a bad cable, a duplex mismatch or weak radio; each hop's "
     "counters show drops and errors."},
    {"retransmits", "Packets of connections are lost: look for an overloaded link, a bad cable, a "
                    "duplex mismatch or weak radio."},
    {"reordered", "Packets of one flow take paths of different length: look for load balancing by "
                  "packet instead of by flow. TCP slows down."},
    {"duplicate", "Look for a loop, a mirrored port that leads back, or a redundancy protocol "
                  "without removal of duplicates."},
};

const char *path_advice(const char *kind)
{
    for (size_t i = 0; i < ARRAY_SIZE(advice); i++)
        if (strcmp(advice[i].kind, kind) == 0)
            return advice[i].text;
    return "";
}
