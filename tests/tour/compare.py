"""Tests echod and other servers with the cases of the tour, and prints a Markdown table. Servers that are not
installed have no column.

Each is configured as an echo server, as its manual suggests, with the limits that it supports: 16 clients,
and the idle timeout that a case asks for. Each case is run several times, since some servers pass only
sometimes. --verbose: print what happens when one does not pass; --echod: test echod only.
"""
import concurrent.futures
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
from cases import CASES, MAX_CLIENTS, fill  # noqa: E402
from client import become_subreaper  # noqa: E402
from stage import NotYet, Stage, end_sending  # noqa: E402

BUILD = Path(os.environ.get("ECHOD_BUILDDIR", Path(__file__).resolve().parents[2] / "build")).resolve()
TRIES = 4
# A script for each. Its arguments are the port and the idle timeout in seconds.
SERVERS = {
    "echod": ("echod", """cat >"$0.conf" <<END
[server]
max_clients = 16
idle_timeout = ${2:-300}s
drain_timeout = 10min
[listen local]
port = $1
END
exec "%s/echod" --config "$0.conf" """ % BUILD),
    "socat": ("socat", 'exec socat -T "${2:-300}" -t 300 '
              'TCP-LISTEN:"$1",bind=127.0.0.1,reuseaddr,fork,max-children=16 EXEC:/bin/cat'),
    "xinetd": ("xinetd", """echo "too many clients" >"$0.banner"
cat >"$0.conf" <<END
service echo
{
    id = compared
    type = UNLISTED
    socket_type = stream
    protocol = tcp
    port = $1
    bind = 127.0.0.1
    wait = no
    user = $(id -un)
    server = /bin/cat
    instances = 16
    banner_fail = $0.banner
    cps = 10000 1
}
END
exec xinetd -dontfork -f "$0.conf" -pidfile "$0.pid" """),
    "ncat": ("ncat", 'exec ncat --listen --keep-open --max-conns 16 --idle-timeout "${2:-300}s" '
             '--exec /bin/cat 127.0.0.1 "$1"'),
    "inetd": ("inetd", """echo "127.0.0.1:$1 stream tcp nowait $(id -un) /bin/cat cat" >"$0.conf"
exec inetd -i "$0.conf" """),
}


def gets_reason(program):
    """Client 17 gets the reason why it is refused."""
    with Stage(program) as stage:
        for _ in range(MAX_CLIENTS):
            stage.client()
        sock = stage.connect()
        if not stage.receive_end(sock, "client 17 is served, or has to wait"):
            raise NotYet("the connection is closed without a message")


def reload(program):
    """After SIGHUP, connected clients and new ones are served."""
    with Stage(program) as stage:
        sock = stage.client()
        stage.terminate(signal.SIGHUP)
        stage.settle()
        stage.exchange(sock, b"still\n")
        stage.client()


def one_process(program):
    """Each client is served by a new process, and a crash of one does not affect the other."""
    with Stage(program) as stage:
        workers = []
        for _ in range(2):
            sock = stage.client()
            workers.append(stage.worker(sock))
        if len({*workers, stage.popen.pid}) != 3:
            raise NotYet("one process serves both")
        os.kill(workers[0], signal.SIGKILL)
        stage.settle()
        stage.exchange(stage.sockets[1], b"still\n")


def finish(program):
    """After SIGTERM no new client is accepted, and a client in the middle of an exchange gets the rest."""
    with Stage(program) as stage:
        sock = stage.connect(receive_buffer=4096)
        sent = fill(stage, sock, 64 << 20)
        stage.terminate()
        stage.wait(lambda: not stage.listens(), "new clients are still accepted")
        stage.settle()
        end_sending(sock)
        got = len(stage.receive_end(sock, "the connection is never closed"))
        if got != sent:
            raise NotYet("%d of %d bytes came back" % (got, sent))


ROWS = [
    ("Clients are served at the same time", CASES["two-at-once"]),
    ("Each by a process of its own, whose crash affects no other client", one_process),
    ("A client that ends its side first gets every answer", CASES["half-close"]),
    ("A client that sends a lot and reads late gets every byte, and then the end",
     CASES["every-byte"]),
    ("A client that arrives while no descriptor is free is served later", CASES["shortage"]),
    ("The number of clients is limited, and a client beyond the limit gets a message", gets_reason),
    ("A silent client is disconnected", CASES["silence"]),
    ("SIGHUP reloads, and disconnects nobody", reload),
    ("SIGTERM lets clients finish what they are doing, and no new ones in", finish),
    ("The process that serves a client has no other descriptor, and its system calls are filtered",
     CASES["sandbox"]),
]


def verdict(case, program):
    """Whether PROGRAM passes CASE: "yes", "sometimes" or "–"."""
    passed = 0
    for _ in range(TRIES):
        try:
            case(program)
            passed += 1
        except NotYet as reason:
            if "--verbose" in sys.argv:
                print("%s: %s: %s" % (program.name, case.__doc__, reason), file=sys.stderr)
    return {TRIES: "yes", 0: "–"}.get(passed, "sometimes")


def column(program):
    return [verdict(case, program) for _, case in ROWS]


def install(name, directory):
    """Writes a script that starts the server NAME, and returns its path."""
    script = Path(directory, name)
    script.write_text("#!/bin/sh\n%s\n" % SERVERS[name][1], encoding="utf-8")
    script.chmod(0o755)
    return script


def main():
    become_subreaper()
    there = [name for name, (tool, _) in SERVERS.items()
             if name == "echod" or (shutil.which(tool) and "--echod" not in sys.argv)]
    with tempfile.TemporaryDirectory() as directory, \
            concurrent.futures.ThreadPoolExecutor(len(there)) as pool:
        columns = list(pool.map(column, [install(name, directory) for name in there]))
    print("| | %s |\n|---|%s" % (" | ".join(there), "---|" * len(there)))
    for (words, _), *marks in zip(ROWS, *columns):
        print("| %s | %s |" % (words, " | ".join(marks)))


if __name__ == "__main__":
    main()
