"""The copy of the tree that is changed, its two builds, and isolated places for single changes."""
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
WORK = ROOT / "build-mutate"
BASE, SCRATCH = WORK / "base", WORK / "scratch"
TREE, BUILD, COVERED = BASE / "tree", BASE / "build", BASE / "coverage"
UNSHARE = ["unshare", "--pid", "--mount", "--fork", "--kill-child", "--mount-proc", "sh", "-c"]
# What is written below BASE is gone when the command ends: nothing has to be built back.
OVERLAY = ('mount -t tmpfs tmpfs "$0" && mkdir "$0/upper" "$0/work" && mount -t overlay overlay '
           '-o "lowerdir=$1,upperdir=$0/upper,workdir=$0/work" "$1" && shift && "$@"; exit $?')
# For a test: a daemon that is wrong may kill and remove what it should not.
PRIVATE = 'mount -t tmpfs tmpfs /tmp && mount -t tmpfs tmpfs /run && "$@"; exit $?'


def apart(*command):
    """COMMAND, with changes below BASE that nobody else sees."""
    return UNSHARE + [OVERLAY, str(SCRATCH), str(BASE), *command]


def private(*command):
    """COMMAND, with processes, /tmp and /run of its own."""
    return UNSHARE + [PRIVATE, "sh", *command]


def run(command, **options):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, **options)


def make(build, *targets, jobs=1):
    return run(["make", "-s", "-C", str(build), f"-j{jobs}", *targets])


def copy_tree():
    names = run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                cwd=ROOT).stdout.split("\0")
    for name in filter(None, names):
        source, target = ROOT / name, TREE / name
        if not source.is_file():
            continue
        if not target.exists() or target.read_bytes() != source.read_bytes():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    for path in [p for p in TREE.glob("src/**/*.[ch]") if not (ROOT / p.relative_to(TREE)).exists()]:
        path.unlink()


def built(build, *flags):
    """Builds in BUILD all that tests run."""
    build.mkdir(parents=True, exist_ok=True)
    compiler = "ccache gcc" if shutil.which("ccache") else "gcc"
    if not (TREE / "configure").exists():
        done = run(["autoreconf", "-fi"], cwd=TREE)
    if not (build / "Makefile").exists():
        done = run([f"{TREE}/configure", "-q", f"CC={compiler}", *flags], cwd=build)
        if done.returncode:
            sys.exit(done.stdout)
    done = make(build, "all", jobs=os.cpu_count())
    if not done.returncode:
        done = make(build, "check", "TESTS=", jobs=os.cpu_count())
    if done.returncode:
        sys.exit(done.stdout)


def prepare():
    """The copy, as the tree is now. Without -g, an object is the same if its code is."""
    SCRATCH.mkdir(parents=True, exist_ok=True)
    copy_tree()
    built(BUILD, "CFLAGS=-O2")
    built(COVERED, "CFLAGS=-g -O0", "--enable-coverage")


def listed(variable):
    """The words of VARIABLE in Makefile.am."""
    text = (TREE / "Makefile.am").read_text().replace("\\\n", " ")
    return re.search(rf"^{variable} = (.*)$", text, re.M).group(1).split()


def objects(name):
    """Those that are made of the source NAME, as make calls them."""
    stem = re.compile(rf"(.*-)?{re.escape(Path(name).stem)}\.o")
    return sorted(str(p.relative_to(BUILD)) for p in (BUILD / name).parent.glob("*.o")
                  if stem.fullmatch(p.name))
