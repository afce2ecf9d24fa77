"""The copy of the tree, its two builds, and isolated places for single changes."""
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
# Files written below BASE are discarded when the command ends, so no change has to be undone.
OVERLAY = ('mount -t tmpfs tmpfs "$0" && mkdir "$0/upper" "$0/work" && mount -t overlay overlay '
           '-o "lowerdir=$1,upperdir=$0/upper,workdir=$0/work" "$1" && shift && "$@"; exit $?')
# Isolates tests, since a faulty daemon may kill processes and remove files.
PRIVATE = 'mount -t tmpfs tmpfs /tmp && mount -t tmpfs tmpfs /run && "$@"; exit $?'


def apart(*command):
    """A command that runs COMMAND with private changes below BASE."""
    return UNSHARE + [OVERLAY, str(SCRATCH), str(BASE), *command]


def private(*command):
    """A command that runs COMMAND with a process namespace, /tmp and /run of its own."""
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
    """Builds everything that tests need in BUILD."""
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
    """Updates the copy from the tree, and builds it. Without -g, equal code gives equal object files."""
    SCRATCH.mkdir(parents=True, exist_ok=True)
    copy_tree()
    built(BUILD, "CFLAGS=-O2")
    built(COVERED, "CFLAGS=-g -O0", "--enable-coverage")


def listed(variable):
    """The words of VARIABLE in Makefile.am."""
    text = (TREE / "Makefile.am").read_text().replace("\\\n", " ")
    return re.search(rf"^{variable} = (.*)$", text, re.M).group(1).split()


def objects(name):
    """The object files that are built from the source NAME, as make targets."""
    stem = re.compile(rf"(.*-)?{re.escape(Path(name).stem)}\.o")
    return sorted(str(p.relative_to(BUILD)) for p in (BUILD / name).parent.glob("*.o")
                  if stem.fullmatch(p.name))
