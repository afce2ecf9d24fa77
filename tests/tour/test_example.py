"""Adds the example service of CONTRIBUTING.md to a copy of the tree, builds it, and connects to it."""
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "daemon"))
from clients import recv_until_eof  # noqa: E402
from expect import DEADLINE, Skip, expect, expect_equal  # noqa: E402
from tap import main, test  # noqa: E402

SRCDIR = Path(os.environ.get("ECHOD_SRCDIR", Path(__file__).resolve().parents[2])).resolve()
BUILDDIR = Path(os.environ.get("ECHOD_BUILDDIR", ".")).resolve()
LONGEST = 40
COPIED = ("src", "etc", "man", "doc", "systemd", "completions", "tests", "bench", "build-aux", "configure.ac",
          "Makefile.am", "aclocal.m4", "configure", "config.h.in", "Makefile.in", "README.md",
          "CONTRIBUTING.md", "COPYING", "NEWS.md", "SECURITY.md", "dev")


def example():
    text = (SRCDIR / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = re.search(r"^## A new service\n(.*?)^## ", text, re.M | re.S).group(1)
    return re.search(r"^```sh\n(.*?)^```$", section, re.M | re.S).group(1)


def copy(to):
    for name in COPIED:
        if (SRCDIR / name).is_dir():
            shutil.copytree(SRCDIR / name, to / name, ignore=shutil.ignore_patterns("__pycache__", "*.o"))
        elif (SRCDIR / name).exists():
            shutil.copy(SRCDIR / name, to)
    subprocess.run(["chmod", "-R", "u+w", str(to)], check=True)


def run(command, where):
    done = subprocess.run(command, cwd=where, capture_output=True, text=True, check=False)
    expect_equal(done.returncode, 0, "the status of %s: %s%s"
                 % (command, done.stdout[-2000:], done.stderr[-2000:]))
    return done.stdout


def build(tree):
    """Builds TREE with the options of BUILDDIR and -Werror. Returns the build directory."""
    flags = run([str(BUILDDIR / "config.status"), "--config"], tree)
    build_dir = tree / "build"
    build_dir.mkdir()
    run(["autoreconf", "-fi"], tree)
    run(["sh", "-c", "../configure -q %s --enable-werror" % flags.strip()], build_dir)
    run(["make", "-s", "echod", "echod-forkserver"], build_dir)
    return build_dir


def ask(build_dir, directory):
    """Returns the answer of the new service to "Hello, echod"."""
    config = directory / "echod.conf"
    config.write_text("[listen local]\naddress = 127.0.0.1\nport = 0\nservice = upper\n", encoding="utf-8")
    with subprocess.Popen([build_dir / "echod", "--config", config], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True) as echod:
        try:
            line = echod.stdout.readline()
            port = int(re.fullmatch(r"listening on 127\.0\.0\.1:(\d+) \(local, upper\)\n", line).group(1))
            with socket.create_connection(("127.0.0.1", port), DEADLINE) as sock:
                sock.sendall(b"Hello, echod\n")
                sock.shutdown(socket.SHUT_WR)
                return recv_until_eof(sock)
        finally:
            echod.terminate()


@test("the example service of CONTRIBUTING.md is short, builds without warnings, and answers")
def upper():
    for tool in ("autoreconf", "automake"):
        if not shutil.which(tool):
            raise Skip("%s is not installed" % tool)
    script = example()
    expect(len(script.splitlines()) <= LONGEST, "it has %d lines" % len(script.splitlines()))
    with tempfile.TemporaryDirectory() as directory:
        tree = Path(directory, "tree")
        tree.mkdir()
        copy(tree)
        run(["sh", "-euc", script], tree)
        expect_equal(ask(build(tree), Path(directory)), b"HELLO, ECHOD\n", "the answer")


main()
