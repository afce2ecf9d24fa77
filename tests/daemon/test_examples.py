"""The shipped examples, and those of doc/SCALING.md: echod and HAProxy accept them."""
import os
import re
import shutil
import subprocess
import tempfile

from clients import expect_echo
from expect import DEADLINE, Skip, expect, expect_equal
from harness import Echod, run_echod
from programs import SRCDIR
from tap import main, test

EXAMPLES = os.path.join(SRCDIR, "etc", "examples")


def text_of(*path):
    with open(os.path.join(SRCDIR, *path), encoding="utf-8") as file:
        return file.read()


def expect_good(config, what):
    """echod takes CONFIG and warns of nothing."""
    status, out, err = run_echod("--check-config", config=config)
    expect_equal((status, err), (0, ""), "status and standard error about " + what)
    expect(out.endswith("the configuration is good\n"), "not accepted: " + out)


def examples(pattern):
    return sorted(name for name in os.listdir(EXAMPLES) if re.search(pattern, name))


@test("echod accepts every example INI file without a warning")
def ini_files():
    expect_equal(examples(r"^echod.*\.conf$"), ["echod-a.conf", "echod-b.conf"], "the INI files")
    for name in examples(r"^echod.*\.conf$"):
        expect_good(text_of("etc", "examples", name), name)


@test("the echod.conf in haproxy.cfg and SCALING.md is valid and the same")
def quoted():
    comments = re.findall(r"^#   (.*)$", text_of("etc", "examples", "haproxy.cfg"), flags=re.M)
    quoted = "\n".join(comments) + "\n"
    blocks = re.findall(r"^```ini\n(.*?)^```$", text_of("doc", "SCALING.md"), flags=re.M | re.S)
    expect_equal(len(blocks), 1, "the number of INI files in SCALING.md")
    for config, where in ((quoted, "haproxy.cfg"), (blocks[0], "SCALING.md")):
        expect_good(config, where)
    settings = [sorted(tuple(re.split(r"\s*[=;]\s*", line)[:2])
                       for line in text.splitlines() if "=" in line)
                for text in (quoted, blocks[0])]
    expect_equal(settings[0], settings[1], "the settings in haproxy.cfg, and in SCALING.md")


@test("the two example instances share a port, and have one each of their own")
def instances():
    first, second = (text_of("etc", "examples", name) for name in ("echod-a.conf", "echod-b.conf"))
    expect_equal(re.sub(r"(?m)^#.*\n", "", first).replace("[listen a]", "[listen b]")
                 .replace("7781", "7782"), re.sub(r"(?m)^#.*\n", "", second), "difference between the examples")
    port = r"(?m)^(port *= )\d+$"
    with Echod(re.sub(port, r"\g<1>0", first)) as one:
        # The one port of 0.0.0.0 that the kernel chose; that of [::] is another one.
        shared = "address    = 127.0.0.1\nport = %d" % one.address("shared")[1]
        with Echod(re.sub(r"(?m)^address +=.*\nport +=.*", shared,
                          re.sub(port, r"\g<1>0", second), count=1)) as other:
            expect_echo(other.connect("b"))
            expect_echo(one.connect("a"))
            expect_equal((len(one.workers()), len(other.workers())), (1, 1), "the workers")


@test("HAProxy accepts haproxy.cfg")
def haproxy():
    if not shutil.which("haproxy"):
        raise Skip("haproxy is not installed")
    with tempfile.NamedTemporaryFile("w", suffix=".cfg") as file:
        file.write("global\ndefaults\n" + text_of("etc", "examples", "haproxy.cfg"))
        file.flush()
        done = subprocess.run(["haproxy", "-c", "-f", file.name], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=DEADLINE,
                              check=False)
    expect_equal((done.returncode, b"WARNING" in done.stdout), (0, False), done.stdout.decode())


main()
