#!/usr/bin/env python3
"""What tools say of the sources without running them: gcc -fanalyzer, clang-tidy, cppcheck.

run.py BUILDDIR: of every file of src, with the flags that BUILDDIR is configured with. Each tool has to
find what tests/static/planted.c has, too. What they say changes with their version, and the sources
follow one of each, that of Debian 12: of another version a tool is skipped, and that is said.
"""
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PLANTED = "tests/static/planted.c"


def output(command, cwd):
    done = subprocess.run(command, cwd=cwd, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout.replace(f"{cwd}/../", "").replace(f"{ROOT}/", "")


class Tool:
    def __init__(self, build, name, version, arguments, after=()):
        self.build, self.name, self.version = build, name, version
        self.arguments, self.after = arguments, list(after)
        self.program = None

    def find(self):
        """Sets .program to the tool in its version. Returns None, or why there is none."""
        found = []
        for program in (f"{self.name}-{self.version.split('.')[0]}", self.name):
            try:
                _, text = output([program, "--version"], self.build)
            except FileNotFoundError:
                continue
            version = re.search(r"\d+\.\d+[\d.]*", re.sub(r"\(.*?\)", "", text)).group()
            if f"{version}.".startswith(f"{self.version}."):
                self.program = program
                return None
            found.append(version)
        return f"this is {', '.join(found)}, and the sources follow {self.version}" if found \
            else "it is not installed"

    def complaints(self, name):
        """What it says of the file NAME, None if nothing. Its status or a word: either counts."""
        status, text = output([self.program, *self.arguments, str(ROOT / name), *self.after], self.build)
        # clang-tidy also counts suppressed warnings.
        text = re.sub(r"^\d+ warnings? generated\.\n", "", text, flags=re.M)
        return text or (f"{name}: status {status}\n" if status else None)


def flags(build):
    """Those of the preprocessor."""
    status, text = output(["make", "-s", "print-cppflags"], build)
    if status:
        sys.exit(f"run.py: {build} is not configured:\n{text}")
    return [flag for flag in text.splitlines() if flag]


def tools(build):
    common = flags(build)
    return [
        Tool(build, "gcc", "12", ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-fanalyzer", "-S", "-o",
                                  os.devnull, *common]),
        Tool(build, "clang-tidy", "14", ["--quiet"], ["--", "-std=gnu11", *common]),
        Tool(build, "cppcheck", "2.10", [
            "--std=c11", "--enable=warning,performance,portability,style", "--quiet",
            f"--suppressions-list={HERE / 'cppcheck.txt'}", "--error-exitcode=1", *common]),
    ]


def check(tool, names, pool):
    """Whether TOOL is silent about the files NAMES, and only about those."""
    found = [text for text in pool.map(tool.complaints, names) if text]
    for text in found:
        print(text, end="")
    if not tool.complaints(PLANTED):
        print(f"{tool.name} does not notice what is wrong in {PLANTED}")
        return False
    print(f"{tool.name} {tool.version}: {len(names)} files, " +
          (f"complaints about {len(found)}" if found else "nothing found"), flush=True)
    return not found


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if not (ROOT / ".clang-tidy").exists():
        print("this is a release: SKIPPED the static analysis, whose configuration a checkout has")
        return 0
    names = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "src").rglob("*.c"))
    good = True
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for tool in tools(str(Path(sys.argv[1]).resolve())):
            reason = tool.find()
            if reason:
                print(f"{tool.name}: SKIPPED: {reason}")
            else:
                good = check(tool, names, pool) and good
    return 0 if good else 1


sys.exit(main())
