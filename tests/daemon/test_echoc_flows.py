"""echoc ping --flows: many source ports at once; and errors reported by the network."""
import resource
import signal
import socket

from expect import Skip, expect, expect_equal, expect_match, scaled
from harness import Echod
from managed import Managed
from servers import Server
from tap import main, test
from verbs import finish, popen, run
from wire import Wire

BOTH = "[listen tcp]\naddress = 127.0.0.1\nport = 0\n" \
       "[listen udp]\nprotocol = udp\naddress = 127.0.0.1\nport = 0\n"
QUICK = ("ping", "-i", "10ms", "-W", scaled("1s", "5s"))


@test("--flows: each flow has a source port, its loss and its median; over TCP and with datagrams")
def sound():
    with Echod(BOTH) as echod:
        for kind, name in (([], "tcp"), (["-u"], "udp")):
            done = run(*QUICK, *kind, "--flows", 8, "-c", 5, *echod.address(name)).ended(0)
            lines = done.out.splitlines()
            expect_match(r"^ECHO 127\.0\.0\.1:\d+: 8 flows, 56 bytes in each ", lines[0], "first")
            for line in lines[1:9]:
                expect_match(r"^port \d+: 5 sent, 5 received, 0% loss, p50 [\d.]+ ms", line, "a flow")
            expect_equal(len({line.split(":")[0] for line in lines[1:9]}), 8, "the source ports")
            expect_match(r"^8 flows: 40 sent, 40 received, 0% loss$", done.out, "the sum")


@test("--flows --json: an object for each flow, and a summary")
def objects():
    with Echod(BOTH) as echod:
        done = run(*QUICK, "--json", "-u", "--flows", 3, "-c", 2, *echod.address("udp")).ended(0)
        expect_equal([(o["sent"], o["received"]) for o in done.objects("flow")], [(2, 2)] * 3, "flows")
        expect_equal([done.summary[key] for key in ("flows", "dead", "sent", "received")],
                     [3, 0, 6, 6], "the summary")
        expect("finding" not in done.summary, "nothing is found")


@test("--flows: Ctrl-\\ prints interim results, Ctrl-C ends it with a summary")
def signals():
    with Echod(BOTH) as echod:
        process = popen(*QUICK, "-u", "--flows", 4, "-c", 100000, *echod.address("udp"))
        process.stdout.readline()
        process.send_signal(signal.SIGQUIT)
        line = process.stderr.readline().decode()
        expect_match(r"^echoc: \d+ of \d+ came back, on \d+ of 4 flows$", line, "the interim")
        process.send_signal(signal.SIGINT)
        done = finish(process)
        expect_match(r"(?m)^4 flows: \d+ sent, ", done.out, "the sum")


def dropping(count):
    """Echoes datagrams, but none of the first COUNT ports that send some."""
    seen = []

    def serve(sock, data, peer):
        if peer not in seen:
            seen.append(peer)
        if seen.index(peer) >= count:
            sock.sendto(data, peer)
    return serve, seen


@test("flows that lose everything are counted and named, with the number of paths that this makes")
def dead_path():
    serve, seen = dropping(3)
    with Server(serve, "udp") as server:
        done = run(*QUICK, "-W", scaled("300ms", "5s"), "--flows", 24, "-c", 4, *server.operands)
    done.ended(1)
    ports = [port for _, port in seen[:3]]
    found = [line for line in done.out.splitlines() if "flows lose everything" in line]
    expect_equal(len(found), 1, "the sentences in " + done.out)
    expect_match(r"^3 of 24 flows lose everything \(ports [\d, ]+\): one of about 8 paths is dead$",
                 found[0], "the sentence")
    expect(all(str(port) in found[0] for port in ports), "the ports are named: %s" % ports)


@test("with much loss and few probes, a flow that loses everything is not reported as a dead path")
def by_chance():
    flows, probes = [], {}

    def serve(sock, data, peer):
        flows.extend([peer] if peer not in flows else [])
        probes[peer] = probes.get(peer, 0) + 1
        if flows.index(peer) % 4 and probes[peer] % 2:
            sock.sendto(data, peer)
    with Server(serve, "udp") as server:
        done = run(*QUICK, "-W", scaled("300ms", "5s"), "--json", "--flows", 12, "-c", 2,
                   *server.operands).ended(1)
    expect_equal(done.summary["dead"], 3, "flows that lost everything")
    expect_match("may be chance", done.summary["finding"], "the sentence")


@test("a flow without a connection, a refused one and invalid options are reported with the reason")
def failures():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        done = run(*QUICK, "--flows", 2, "-c", 1, "127.0.0.1", unused.getsockname()[1]).ended(1)
        expect_match("refused", done.err, "the reason")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    done = run(*QUICK, "-u", "--flows", 2, "-c", 1, "127.0.0.1", port).ended(1)
    expect_match("Connection refused, reported by 127.0.0.1$", done.out, "the reason")
    done = run(*QUICK, "-u", "--flows", 2, "-c", 1, "--json", "127.0.0.1", port).ended(1)
    expect_equal([o["reason"] for o in done.objects("flow")], ["Connection refused, reported by 127.0.0.1"] * 2,
                 "the reasons in JSON")
    done = run("ping", "--flows", 2, "-U", "/nowhere").ended(2)
    expect_match("--flows cannot be combined with --unix", done.err, "standard error")
    done = run("ping", "--flows", 2, "--histogram", "localhost").ended(2)
    expect_match("cannot be combined with --flows", done.err, "standard error")
    done = run("ping", "--flows", 5000, "localhost").ended(2)
    expect_match("at most 4096", done.err, "standard error")


@test("where most flows lose everything, most paths are dead")
def most_are_dead():
    served = []

    def serve(sock, data, peer):
        if peer in served or len(set(served)) < 2:
            served.append(peer)
            sock.sendto(data, peer)

    with Server(serve, "udp") as server:
        done = run(*QUICK, "--flows", 8, "-c", 10, *server.operands).ended(1)
    expect_match(r"^6 of 8 flows lose everything \(ports .*\): most paths are dead$", done.out, "the sentence")


@test("flows to a host that nobody knows, and more than there are descriptors for")
def no_flows():
    done = run("ping", "--flows", 2, "nobody.invalid").ended(2)
    expect_match("^echoc: .*nobody.invalid", done.err, "standard error")

    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (50, 50))

    with Echod(BOTH) as echod:
        done = run(*QUICK, "-u", "--flows", 100, "-c", 1, *echod.address("udp"), preexec_fn=few).ended(2)
    expect_match("^echoc: .*descriptors", done.err, "standard error")


@test("ping -u and sweep -u print the address that reported an error")
def reported():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    done = run(*QUICK, "-u", "-c", 2, "127.0.0.1", port).ended(1)
    expect_match("^seq=1: Connection refused, reported by 127.0.0.1$", done.out, "the line")
    done = run("sweep", "-u", "--tries", 1, "127.0.0.1", port).ended(1)
    expect_match("as 127.0.0.1 reports", done.out, "the address that reported the error")


FAR = 7777


def forward(version):
    """Makes this host a router."""
    name = "/proc/sys/net/ipv%s" % {4: "4/ip_forward", 6: "6/conf/all/forwarding"}[version]
    try:
        with open(name, "w", encoding="ascii") as file:
            file.write("1")
    except OSError as error:
        raise Skip("this host cannot be made a router: %s" % error)


def sweep_through_router(near, far, version):
    """Sweeps from the other end of the wire NEAR, through here, to that of FAR, whose MTU is less.
    Returns how that ended with --json, and without, and the router's address."""
    with Wire(*near) as (here, there):
        forward(version)
        with Wire(*far, name="far") as (link, server):
            server.ip("route", "add", "default", "via", link.hosts[0])
            there.ip("route", "add", "default", "via", here.hosts[0])
            link.ip("link", "set", "far", "mtu", "1400")
            config = "[listen udp]\nprotocol = udp\naddress = %s\nport = %d\n" % (server.hosts[0], FAR)
            with Managed(config, prepare=server.start_here), there.inside():
                return (run("sweep", "-u", "--json", server.hosts[0], FAR),
                        run("sweep", "-u", server.hosts[0], FAR), here.hosts[0])


@test("sweep -u prints the MTU that a router reports, and its address; IPv4 and IPv6")
def router():
    for near, far, version in (
            ((["198.51.100.1/24"], ["198.51.100.2/24"]),
             (["203.0.113.1/24"], ["203.0.113.9/24"]), 4),
            ((["2001:db8::1/64", "fe80::1/64"], ["2001:db8::2/64"]),
             (["2001:db8:1::1/64", "fe80::2/64"], ["2001:db8:1::9/64"]), 6)):
        done, plain, router_address = sweep_through_router(near, far, version)
        expect_equal(done.ended(0).summary["packet"], 1400, "the packet that passes")
        reports = [o for o in done.objects("probe") if "mtu" in o]
        expect(reports and reports[0]["mtu"] == 1400, "the MTU is printed: " + done.out)
        expect(router_address in reports[0]["reported_by"], "the router is not named: %r" % reports[0])
        expect_match(r"too large for the path: \S+ reports an MTU of 1400$", plain.ended(0).out, "the line")


main()
