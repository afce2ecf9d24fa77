"""The sandbox: what a worker can do that an attacker has taken over, tried from inside.

The attacks of attacks.py on an echod that was started by hand; tests/systemd runs them in units.
"""
import os

import attacks
from attacks import CHECKED, ENDING, FREE, status
from expect import Skip, expect, expect_equal
from harness import unprivileged
from planted import Planted, names_on_the_list, needs_filter, needs_planted
from proc import descriptors
from tap import main, test

SERVER = "[server]\ncrash_penalty = 0\nmax_per_source = 0\n"
ECHO = SERVER + "[listen local]\naddress = 127.0.0.1\nport = 0\n"
STORED = "[listen stored]\naddress = 127.0.0.1\nport = 0\nservice = message\n"


def ways_to_start():
    """A description of the user that echod is started as, and Popen arguments for it."""
    if os.geteuid() != 0:
        return [("whoever runs the tests", {})]
    ways = [("root", {})]
    try:
        ways.append(("nobody", unprivileged()))
    except Skip:
        pass
    return ways


def attack(attempt):
    """Tries one of attacks.py on an echod of its own, for each way to start it."""
    needs_filter()
    for who, how in ways_to_start():
        print("# as %s" % who)
        with Planted(ECHO + STORED, **how) as echod:
            attempt(echod)


@test("the lists of this test match that of the sandbox")
def lists():
    expect_equal(sorted({*FREE, *ENDING, *CHECKED}), sorted(names_on_the_list()), "the names")


@test("of all system calls, only those on the list are permitted")
def every_call():
    attack(attacks.every_call)


@test("calls with restricted arguments are refused with other arguments")
def arguments():
    attack(attacks.arguments)


@test("system calls of other ABIs are refused")
def other_ways_in():
    attack(attacks.other_ways_in)


@test("a worker can call exit_group(2) and return from a signal handler")
def ends():
    attack(attacks.ends)


# ---- processes ----

@test("a worker can neither fork nor raise its limits")
def no_process():
    attack(attacks.no_process)


@test("a failed assertion in libc ends that worker only")
def aborts():
    attack(attacks.aborts)


# ---- others' memory ----

@test("a worker can reach its own slot and no other")
def slots():
    attack(attacks.slots)


@test("whatever a worker writes to its slot, the daemon and other workers continue")
def slot_of_rubbish():
    needs_planted()
    proxied = ("[listen proxied]\naddress = 127.0.0.1\nport = 0\nproxy_protocol = v1\n"
               "proxy_trust = 127.0.0.0/8\nallow = 192.0.2.0/24\n")
    for filling in (b"\xff", b"\x01", b"\x03", b"\x7f", b"\x00"):
        with Planted(ECHO.replace("]", "]\nlog_level = debug", 1) + proxied) as echod:
            other, worker = echod.obedient(), echod.obedient()
            other.number("PID")
            worker.write(worker.slot, filling * 1024)
            # The bell of another worker has the daemon look at all slots.
            with echod.connect("proxied") as sock:
                sock.sendall(b"PROXY TCP4 192.0.2.7 192.0.2.1 1 2\r\nPID\n")
                expect(sock.recv(100)[:1].isdigit(), "a client behind the proxy is served")
                rows = {row["peer"]: row for row in echod.ask("list")}
            expect(worker.address in rows, "its client is who it was: %s" % list(rows))
            worker.close()
            expect(worker.record(), "its record")
            other.number("PID")
            status(echod)
            echod.ctl("metrics")


# ---- what others trust ----

@test("the control socket is the only socket of daemon and scribe that others can reach")
def no_abstract_address():
    needs_planted()
    with Planted(ECHO + STORED) as echod:
        worker = echod.obedient("stored")
        worker.number("PID")
        inodes = set()
        for pid in (echod.pid, *echod.family()):
            inodes |= {link for link in open_links(pid) if link.startswith("socket:")}
        found = []
        with open("/proc/net/unix", encoding="utf-8") as file:
            for words in [line.split() for line in file][1:]:
                if "socket:[%s]" % words[6] in inodes and len(words) > 7:
                    found.append(words[7])
        expect_equal(set(found), {echod.control}, "the names of its sockets")


def open_links(pid):
    return set(descriptors(pid).values())


@test("a worker can reach neither the journal, the control socket nor the daemon")
def powers():
    attack(attacks.powers)


@test("what a worker stores is always recorded as a message, whatever fields it sends")
def forged_records():
    attack(attacks.forged_records)


@test("garbage sent to the scribe is dropped, and messages of others are stored")
def garbage_for_the_scribe():
    attack(attacks.garbage_for_the_scribe)


main()
