"""The bench runs, measures all that it is asked for, and leaves nothing behind. The figures are not
checked, as they depend on the machine."""
import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

from expect import Skip, expect, expect_equal
from programs import BUILDDIR, SRCDIR
from tap import main, test

WORK = {"short", "pingpong", "bulk", "held", "datagrams", "start"}
DEADLINE = 600


def run_bench(*args, interrupt_at=None):
    """Runs the bench; sends it SIGINT once it prints INTERRUPT_AT. Returns (status, standard output, standard error)."""
    if not shutil.which(os.environ.get("CC", "cc").split()[0]):
        raise Skip("no C compiler found")
    process = subprocess.Popen([sys.executable, os.path.join(SRCDIR, "bench", "bench.py"), *args],
                               env={**os.environ, "ECHOD_BUILDDIR": BUILDDIR},
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    with process:
        while interrupt_at and interrupt_at not in process.stderr.readline():
            expect_equal(process.poll(), None, "exit status before it prints " + interrupt_at)
        if interrupt_at:
            process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=DEADLINE)
    expect_equal(glob.glob(f"/sys/fs/cgroup/**/echod-bench-{process.pid}*", recursive=True), [],
                 "the cgroups that are left")
    return process.returncode, stdout, stderr


@test("the bench measures every workload without errors, and leaves no process behind")
def every_work():
    with tempfile.TemporaryDirectory(prefix="echod-test-") as where:
        path = os.path.join(where, "bench.json")
        status, stdout, stderr = run_bench(
            "--quick", "--scale", "0.005", "--rounds", "1", "--servers", "echod,loop,epoll",
            "--json", path)
        expect_equal(status, 0, "the exit status: " + stderr[-500:])
        with open(path, encoding="utf-8") as file:
            data = json.load(file)
    expect_equal(data["notes"], [], "notes on failed measurements")
    expect_equal({s["work"] for s in data["samples"]}, WORK, "the kinds of work")
    for sample in data["samples"]:
        expect_equal(sample["errors"], 0, "the errors in %s" % sample)
    held = [s for s in data["samples"] if s["work"] == "held" and s["server"] == "echod"]
    for sample in held:
        expect_equal(sample["held"], sample["wanted"], "the clients held")
        expect("drain_ms" in sample, "echod was drained: %s" % sample)
    expect("## Goals" in stdout, "the goals are printed: " + stdout)


@test("a bench that is interrupted reports what it has measured")
def interrupted():
    status, stdout, stderr = run_bench("--quick", "--scale", "0.005", "--rounds", "1000", "--servers", "loop",
                                       "--only", "start", interrupt_at="round 2 of")
    expect_equal(status, 128 + signal.SIGINT, "the exit status: " + stderr)
    expect("- the rest, as the bench ended early (signal 2)" in stdout, "the note: " + stdout)
    expect("| loop | " in stdout, "the figures of the first round: " + stdout)


@test("the bench rejects an unknown argument and names it")
def unknown_words():
    for args, text in ((("--only", "lunch"), "lunch is not one of short, "),
                       (("--servers", "inetd"), "inetd is not one of echod, "),
                       (("--rounds", "0"), "0 is not a number above 0")):
        status, _, stderr = run_bench(*args)
        expect_equal((status, text in stderr), (64, True), stderr)


main()
