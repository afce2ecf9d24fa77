"""Output that cannot be written is an error, in echoc, check_echo and echoctl."""
import os
import resource
import shutil
import subprocess
import tempfile

from expect import Skip, expect, expect_equal, expect_match
from harness import WRAPPER, clean_environment
from hosts import with_mount
from managed import Managed
from programs import ECHOCTL, SANITIZED
from tap import main, test
from verbs import CHECK_ECHO, ECHOC, finish, popen, run

CONFIG = ("[listen echo]\naddress = 127.0.0.1\nport = 0\n"
          "[listen who]\naddress = 127.0.0.1\nport = 0\nservice = whoami\n")
LOST = "cannot write standard output: "


def commands(echod):
    """Everything that prints, and the status of what could not."""
    echo, who = map(str, echod.address("echo")), list(map(str, echod.address("who")))
    host, port = echo
    for json in ([], ["--json"]):
        for args, status in ((["send", host, port, "hello"], 74), (["ping", "-c", "2", "-i", "0", host, port], 2),
                             (["ping", "--flows", "2", "-c", "1", host, port], 2),
                             (["ping", "-c", "9", "-i", "0", "--histogram", host, port], 2),
                             (["crr", "-c", "1", host, port], 2), (["load", "-c", "2", host, port], 2),
                             (["load", "--rate", "100", "-c", "2", host, port], 2),
                             (["hold", "--for", "10ms", "1", host, port], 2),
                             (["idle", "--shortest", "1ms", "--longest", "1ms", host, port], 2),
                             (["sweep", "--largest", "2", host, port], 2),
                             (["path", "--flows", "1", "--echo-port", port, *who], 2),
                             (["whoami", *who], 2), (["daytime", *who], 2)):
            yield [ECHOC, args[0], *json, *args[1:]], status
        for command in ("status", "list", "listeners", "metrics"):
            yield [ECHOCTL, "-s", echod.control, *json, command], 74
    yield [CHECK_ECHO, "-H", host, "-p", port], 3
    for option in ("--help", "--version"):
        yield [ECHOC, option], 74
        yield [ECHOC, "ping", option], 2
        yield [ECHOCTL, option], 74
        yield [CHECK_ECHO, option], 3


@test("a full device is an error of everything that prints, with one sentence and a status")
def full_device():
    with Managed(CONFIG) as echod, open("/dev/full", "wb") as full:
        for command, status in commands(echod):
            done = subprocess.run(WRAPPER + command, stdout=full, stderr=subprocess.PIPE,
                                  stdin=subprocess.DEVNULL, env=clean_environment(), check=False)
            expect_equal((done.returncode, done.stderr.decode()),
                         (status, "%s: %sNo space left on device\n" % (os.path.basename(command[0]), LOST)),
                         "status and errors of %s" % command)


@test("a reader that stops ends every verb without a message")
def broken_pipe():
    with Managed(CONFIG) as echod:
        at = echod.address("echo")
        for args in (("ping", "-i", 0, *at), ("ping", "--json", "-i", 0, *at), ("crr", "-i", 0, *at),
                     ("load", "--json", "--for", "1min", *at), ("sweep", "--tries", 1, *at),
                     ("idle", "--shortest", "1ms", *at), ("send", *at, "x" * 100000)):
            process = popen(*args)
            expect(os.read(process.stdout.fileno(), 1), "the beginning of what %s prints" % args[0])
            process.stdout.close()
            process.stdout = subprocess.DEVNULL
            err = process.stderr.read()
            process.wait()
            process.stderr.close()
            expect_equal((process.returncode, err), (74 if args[0] == "send" else 2, b""),
                         "status and errors of %s" % (args,))


def limited_file():
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, 1))


@test("--json: characters of any length are text, and bytes that are none are escaped")
def characters():
    with Managed(CONFIG) as echod:
        for text in ("\u00e9", "\u20ac", "\U0001f600", "a\u00e9" * 9):
            done = run("--json", *echod.address("echo"), text).ended(0)
            expect_equal("".join(o["text"] for o in done.objects("reply")), text + "\n", "the reply")
        for data in (b"\xc3", b"\xff", b"\x80\x80\x80\x80", b"\xe2\x82", b"\xf8\x80"):
            done = finish(popen("--json", *echod.address("echo"), stdin=subprocess.PIPE), data).ended(0)
            expect_equal("".join(o["text"] for o in done.objects("reply")),
                         "".join("\\x%02x" % byte for byte in data), "the reply")


@test("a file size limit is an error of everything that prints")
def file_size():
    with Managed(CONFIG) as echod, tempfile.TemporaryFile() as file:
        for command, status in commands(echod):
            done = subprocess.run(WRAPPER + command, stdout=file, stderr=subprocess.PIPE,
                                  stdin=subprocess.DEVNULL, env=clean_environment(), check=False,
                                  preexec_fn=limited_file)
            expect_equal((done.returncode, done.stderr.decode()),
                         (status, "%s: %sFile too large\n" % (os.path.basename(command[0]), LOST)),
                         "status and errors of %s" % command)


def on_full_disk(where, *args):
    """Runs echoc with a small file system at WHERE, in which the file "old" is, and nearly fills it. Returns
    how it ended, and what is in there afterwards: {name: content}."""
    # The shell stays, as the file system goes with the last process of its namespace.
    script = ('printf "what was there" >"$0/old"; head -c 4096 /dev/zero >"$0/filler"; "$@"; status=$?; cd "$0" && '
              'for file in *; do [ "$file" = filler ] || printf "%s=%s;" "$file" "$(head -c 20 "$file")"; done >&2; '
              'exit $status')
    command = with_mount("-t tmpfs -o size=8k,mode=0777 tmpfs", where)
    done = finish(popen(*args, program=[*command, "sh", "-c", script, where, ECHOC]))
    err, _, files = done.err.rpartition("\n")
    return done, err, dict(one.split("=", 1) for one in files.split(";") if one)


@test("a page that does not fit on the disk is an error, and the previous file is kept")
def page():
    with Managed(CONFIG) as echod, tempfile.TemporaryDirectory(prefix="echod-test-") as where:
        for name in ("old", "new"):
            done, err, files = on_full_disk(where, "path", "--flows", 1, "--page", where + "/" + name,
                                            "--echo-port", echod.address("echo")[1], *echod.address("who"))
            expect_equal(done.ended(2) and err, "echoc: cannot write %s/%s: No space left on device" % (where, name),
                         "standard error")
            expect_match("^nothing found$", done.out, "standard output")
            expect_equal(files, {"old": "what was there"}, "the files")


@test("a picture that does not fit on the disk is an error, although gnuplot does not report it")
def picture():
    if not shutil.which("gnuplot"):
        raise Skip("gnuplot is not installed")
    with Managed(CONFIG) as echod, tempfile.TemporaryDirectory(prefix="echod-test-") as where:
        at = echod.address("echo")
        for args in (("ping", "-i", 0), ("load",)):
            for name in ("new.svg", "new.png"):
                done, err, files = on_full_disk(where, *args, "-q", "-c", 100, "--plot", where + "/" + name, *at)
                expect_equal(done.ended(2) and err,
                             "echoc: cannot write %s/%s: No space left on device" % (where, name), "standard error")
                expect_match("^round trip min/avg", done.out, "the summary is printed all the same")
                expect_equal(files, {"old": "what was there"}, "the files")


@test("a picture is drawn correctly even with all standard streams closed")
def picture_without_streams():
    if not shutil.which("gnuplot"):
        raise Skip("gnuplot is not installed")
    if SANITIZED:
        raise Skip("sanitizers need standard error")
    with Managed(CONFIG) as echod, tempfile.TemporaryDirectory(prefix="echod-test-") as where:
        name = where + "/x.svg"
        run("ping", "-q", "-c", 3, "-i", 0, "--plot", name, *echod.address("echo"),
            preexec_fn=lambda: [os.close(fd) for fd in (0, 1, 2)]).ended(2)
        with open(name, encoding="utf-8") as file:
            text = file.read()
        expect(text.startswith("<?xml") and text.rstrip().endswith("</svg>"), "the picture: %s" % text[:200])
        done = run("ping", "-c", 1, "--plot", where + "/none/x.svg", *echod.address("echo")).ended(2)
        expect_equal((done.out, done.err), ("", "echoc: cannot write %s/none/x.svg: No such file or directory\n" % where),
                     "standard error, before anything is sent")


main()
