"""The protections of workers under the shipped units, and attacks on them (attacks.py)."""
import ctypes
import time

import attacks
from cases import case
from expect import Failure, expect, expect_equal
from planted_unit import PlantedInetd, PlantedUnit, plant, remove_planted
from system import activate

LANDLOCK_CREATE_RULESET, VERSION = 444, 1


def kernels_landlock():
    """This kernel's version of Landlock; negative if it has none."""
    return ctypes.CDLL(None).syscall(LANDLOCK_CREATE_RULESET, None, 0, VERSION)


def expect_confined(s, *options):
    """Expects that workers have all protections, with this kernel's version of Landlock."""
    status, abi = s.control("status", *options), kernels_landlock()
    expected = ["user", "no_new_privs", "seccomp", "landlock-%d" % abi, "limits", "undumpable"]
    if abi < 0:
        del expected[3]
    expect_equal(status["protections"].split(","), expected, "the protections")
    expect_equal([text for text in status["unprotected"].split(", ")
                  if abi >= 0 or not text.startswith("landlock ")],
                 ["none"] if abi >= 0 else [], "the missing protections")


@case("echod.service: every protection of the workers is active, before and after a reload")
def service(s):
    s.start()
    expect_confined(s)
    s.reload()
    expect_confined(s)


@case("echod@two: every protection of the workers is active")
def instance(s):
    s.configure("port = 7790", path="/etc/echod/two.conf")
    s.start("echod@two.service")
    expect_confined(s, "--instance", "two")


@case("echod.socket: every protection of the workers is active in its stricter sandbox")
def activated(s):
    activate(s, "port = 7")
    s.session(7)
    expect_confined(s)


def expect_in_units_sandbox(s, pid):
    """Expects that the process PID also has the unit's filters, and cannot observe other processes."""
    expect(int(s.status_of(pid)["Seccomp_filters"]) > 5, "the filters of the unit are missing")
    for kind in ("mnt", "user", "ipc"):
        expect(s.output("readlink", "/proc/%d/ns/%s" % (pid, kind))
               != s.output("readlink", "/proc/1/ns/" + kind), "the service shares the %s namespace" % kind)


def attack(s, kind=PlantedUnit, attempts=attacks.ALL, **unit):
    """Makes each of ATTEMPTS on a newly started unit of KIND."""
    plant(s)
    try:
        for attempt in attempts:
            begun = time.monotonic()
            with kind(s, **unit) as echod:
                expect_in_units_sandbox(s, echod.obedient().number("PID"))
                try:
                    attempt(echod)
                except Failure as failure:
                    raise Failure("%s: %s" % (attempt.__name__, failure)) from failure
            print("# %s: %.1f s" % (attempt.__name__, time.monotonic() - begun))
    finally:
        remove_planted(s)


@case("echod.service: in its sandbox, a compromised worker can do only what attacks.py lists")
def attacked(s):
    attack(s)


@case("echod@two: in its sandbox, a compromised worker can do only the same")
def attacked_instance(s):
    attack(s, unit="echod@two.service", instance="two")


@case("echod.socket: in its stricter sandbox, a compromised worker can do only the same")
def attacked_activated(s):
    attack(s, passed=True)


@case("echod-inetd@: in its sandbox, a compromised worker cannot make other system calls either")
def attacked_inetd(s):
    attack(s, PlantedInetd, attacks.WITHOUT_CONTROL)
