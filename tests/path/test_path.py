"""echoc path names the fault of a path, and has no findings on a sound one.

Each path has one fault. Findings that do not follow from it must not appear.
"""
import lab
from lab import Damager, IdleCloser, Lab, Swapper, kinds

from expect import expect, expect_equal, expect_match, scaled
from tap import main, test

FORWARD = "chain forward { type filter hook forward priority mangle; %s }"
PREROUTING = "chain prerouting { type nat hook prerouting priority dstnat; %s }"
SYN = "iifname wire tcp flags & (syn | ack) == syn "
SOUND_RUNS = scaled(3, 1)

# Within this each fault is named, seconds; in proportion, where a sound path takes longer than a
# machine that has nothing else to do needs.
NAMED = 15
SOUND = 2
took_sound = [SOUND]


def time_limit():
    return NAMED * max(took_sound) / SOUND


def finds(done, *expected, also=()):
    """That DONE found what was EXPECTED, and nothing else but what may come of it. Returns the
    sentences."""
    found = kinds(done)
    expect(found >= set(expected) and found <= set(expected) | set(also),
           "the findings: got %s of %s" % (sorted(found), done.out))
    done.ended(1 if expected else 0)
    expect(done.took < time_limit(), "the examination took %.1f of %.1f s" % (done.took, time_limit()))
    return "\n".join(o["text"] for o in done.objects("finding"))


def broken(name, rules, *expected, pattern, also=(), options=()):
    """A test of a path that a ruleset breaks."""
    @test(name)
    def function():
        with Lab(rules=rules) as path:
            text = finds(path.look(*options), *expected, also=also)
        expect_match(pattern, text, "the sentence")


@test("there are no findings on a sound path, and notes describe it; IPv4 and IPv6")
def sound():
    for version in (4, 6):
        with Lab(version) as path:
            for _ in range(SOUND_RUNS):
                done = path.look("--idle", "500ms")
                took_sound.append(done.took)
                finds(done)
                notes = {o["kind"]: o["text"] for o in done.objects("note")}
                expect_equal(notes["hops"], "1 hop", "the hops")
                expect_equal(notes["mtu"], "packets of up to 1500 bytes pass", "the MTU")
                expect_equal(sorted(notes), ["bulk", "flows", "hops", "icmp", "idle", "mtu"], "notes")
                expect_equal(done.summary["hops"], 1, "the hops of the summary")


broken("NAT: the source address differs at the server",
       "chain postrouting { type nat hook postrouting priority srcnat; oifname far masquerade; }",
       "nat", pattern=r"^198\.51\.100\.2:\d+ arrived as 203\.0\.113\.1:\d+: NAT$")
broken("MSS clamping", FORWARD % (SYN + "tcp option maxseg size set 1380;"), "mss",
       pattern=r"^MSS 1460 became 1380: something on the path clamps it \(a tunnel\?\)$")
broken("MSS clamping on the way back", FORWARD %
       "oifname wire tcp flags & syn == syn tcp option maxseg size set 1200;", "mss_back",
       pattern=r"^MSS 1460 of the server became 1200 on the way back: ")
broken("DSCP is cleared", FORWARD % "ip dscp set cs0;", "dscp", pattern="^DSCP ef became 0: ")
broken("DSCP is rewritten", FORWARD % "ip dscp set cs1;", "dscp",
       pattern="^DSCP 0 became cs1: ")
broken("ECN: the flags of the SYN are cleared", FORWARD % (SYN + "tcp flags set syn;"), "ecn",
       pattern="^ECN was requested, but the request did not arrive: ")
broken("ECN: the mark of packets is cleared", FORWARD % "ip ecn set not-ect;", "ecn_back",
       pattern="^ECN is in use, but packets from the server arrive without the mark: ")
broken("the TTL is rewritten", FORWARD % "ip ttl set 64;", "ttl",
       pattern="^TTL 64 arrived as 64, and 128 as 64: something on the path rewrites it ")
broken("timestamps are removed", FORWARD % (SYN + "reset tcp option timestamp;"),
       "timestamps", pattern="^timestamps were removed: ")
broken("SACK is removed", FORWARD % (SYN + "reset tcp option sack-perm;"), "sack",
       pattern="^SACK was removed: ")
broken("window scaling is removed", FORWARD % (SYN + "reset tcp option window;"),
       "window_scale", pattern="^window scaling was removed: ")
broken("timestamps are removed on the way back", FORWARD %
       "oifname wire tcp flags & syn == syn reset tcp option timestamp;", "timestamps",
       pattern="^timestamps were removed on the way back: ")
broken("an MTU black hole", FORWARD % "ip length > 1400 drop;", "mtu", "bulk",
       pattern=r"^packets of more than 1400 bytes are silently dropped \(our own MTU is 1500\): ")
broken("one of eight paths drops everything, TCP and UDP", FORWARD %
       "meta l4proto { tcp, udp } iifname wire jhash th sport mod 8 seed 0x7 vmap { 3 : drop };",
       "flows", also=["connect"],
       options=["--flows", 128],
       pattern=r"^\d+ of 128 flows loses? everything \(ports? [\d, .]+\): one of about \d+ paths ")
broken("loss of 5 %", FORWARD % "numgen random mod 100 < 5 drop;", "loss",
       also=("connect", "retransmits", "bulk"), pattern=r"^\d+\.\d % of 384 probes are lost \(\d+\)$")
broken("an idle connection is cut by RST",
       "set flows { type inet_service; flags dynamic, timeout; timeout 1s; }\n" + FORWARD %
       """tcp dport 7777 tcp flags & (syn | ack) == syn update @flows { tcp sport } accept
       tcp dport 7777 tcp sport @flows update @flows { tcp sport } accept
       tcp dport 7777 reject with tcp reset;""", "idle", options=["--idle", "3s"],
       pattern=r"^a connection is reset after 3s.* of silence \(RST\)$")
broken("the state of an idle connection is dropped",
       "set flows { type inet_service; flags dynamic, timeout; timeout 1s; }\n" + FORWARD %
       """tcp dport 7777 tcp flags & (syn | ack) == syn update @flows { tcp sport } accept
       tcp dport 7777 tcp sport @flows update @flows { tcp sport } accept
       tcp dport 7777 drop;""", "idle", options=["--idle", "3s"],
       pattern=r"^after 3s.* of silence nothing comes back: ")


@test("filtered ICMP: no router reports that packets are too large")
def icmp_filtered():
    rules = "chain output { type filter hook output priority 0; meta l4proto icmp drop; }"
    with Lab(rules=rules) as path:
        path.link.ip("link", "set", lab.FAR, "mtu", "1400")
        text = finds(path.look(), "icmp", "mtu", "bulk")
    expect_match("^no router on the path reports errors: ICMP is filtered", text, "the sentence")
    expect_match("^packets of more than 1400 bytes are silently dropped", text, "the MTU")


@test("an MTU that a router reports is not a fault, and the router is named; IPv4 and IPv6")
def mtu_reported():
    for version in (4, 6):
        with Lab(version) as path:
            path.link.ip("link", "set", lab.FAR, "mtu", "1400")
            done = path.look()
            finds(done)
            notes = {o["kind"]: o["text"] for o in done.objects("note")}
            expect_match("^packets of up to 1400 bytes pass; %s reports this MTU" %
                         ("2001:db8::1" if version == 6 else "198.51.100.1"), notes["mtu"], "note")


@test("an idle connection is cut by FIN")
def cut_by_fin():
    with Lab() as path, IdleCloser((path.host, 7777)) as forwarder:
        path.load(PREROUTING % ("iifname wire tcp dport 7777 redirect to :%d;" % forwarder.port))
        text = finds(path.look("--idle", "5s"), "idle")
    expect_match(r"^an idle connection is closed after \d[\d.ms ]*s \(FIN\), by the server or ", text,
                 "the sentence")


@test("a forwarder that truncates and duplicates datagrams is found")
def damaging():
    with Lab() as path, Damager((path.host, 7777), 512) as forwarder:
        path.load(PREROUTING % ("iifname wire udp dport 7777 redirect to :%d;" % forwarder.port))
        text = finds(path.look(), "truncated", "duplicate", "udp_proxy")
    expect_match("^a datagram of 1472 bytes came back with 512: ", text, "the sentence")
    expect_match("come back more than once", text, "the sentence")


@test("reordered packets are found")
def reordering():
    with Lab(rules=Swapper.RULES) as path, Swapper(path) as forwarder:
        text = finds(path.look(), "reordered")
        expect(forwarder.swapped > 10, "too few packets were swapped")
    expect_match(r"^\d+\.\d % of 384 probes come back out of order \(\d+\)$", text, "the sentence")


@test("destination NAT: the address of the server differs")
def destination_nat():
    rules = PREROUTING % "ip daddr 198.51.100.1 dnat to 203.0.113.9;"
    with Lab(rules=rules) as path:
        path.server.hosts.insert(0, "198.51.100.1")
        text = finds(path.look(), "destination_nat")
    expect_match(r"^198.51.100.1:7780 is 203.0.113.9:7780 at the server: destination NAT", text,
                 "the sentence")


@test("SYN cookies: a note reports what is unknown, and there is no finding")
def cookies():
    with Lab() as path:
        with path.server.inside():
            lab.write_sysctl("ipv4/tcp_syncookies", "2")
        done = path.look()
        finds(done)
    expect("syn" in kinds(done, "note"), "there is no note about the SYN: " + done.out)


main()
