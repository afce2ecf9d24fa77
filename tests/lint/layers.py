"""The layers of the sources: each folder includes only those below it, and the daemon never reads from a
client."""
import re
import sys

sys.dont_write_bytecode = True
import lint  # noqa: E402

# The folders of src/, and the folders that each may include from, in addition to base.
FOLDERS = {
    "base": "",
    "log": "",
    "net": "",
    "ipc": "net log",
    "config": "net log",
    "scribe": "ipc log",
    "service": "ipc net log",
    "worker": "service ipc net log",
    "forkserver": "worker ipc net log",
    "daemon/process": "net log",
    "daemon/listen": "daemon/process config net log",
    "daemon/session": "daemon/process ipc config net log",
    "daemon/supervise": "daemon/session daemon/process scribe ipc config net log",
    "daemon/datagram": "daemon/supervise daemon/session daemon/listen daemon/process "
                       "ipc config net log",
    "daemon/admission": "daemon/supervise daemon/session daemon/listen daemon/process "
                        "ipc config net log",
    "daemon/control": "daemon/datagram daemon/supervise daemon/session daemon/listen "
                      "daemon/process ipc config net log",
    "daemon/reload": "daemon/admission daemon/session daemon/listen daemon/process config net log",
    "daemon": "daemon/reload daemon/control daemon/admission daemon/datagram daemon/supervise "
              "daemon/session daemon/listen daemon/process scribe ipc config net log",
    "client/io": "net",
    "client/connect": "client/io net",
    "client/probe": "client/connect client/io net",
    "client/command": "client/probe client/connect client/io net",
    "client/flows": "client/command client/probe client/connect client/io net",
    "client/results": "client/command client/probe client/connect client/io net",
    "client/exchange": "client/results client/command client/connect client/io net",
    "client/load": "client/results client/command client/probe client/connect client/io net",
    "client/path": "client/flows client/command client/probe client/connect client/io net",
    "client/page": "client/path client/io net",
    "client/verbs": "client/page client/path client/load client/exchange client/results "
                    "client/flows client/command client/probe client/connect client/io net",
    "client/plugin": "client/command client/probe client/connect client/io net",
    "client": "client/verbs client/command client/connect client/io net",
    "ctl": "client/io net",
    "generator": "config net log",
}
# The most .c files in a folder.
FOLDER_MAX = 12
GENERATED = "config.h"  # by configure; all folders may include it

READING = ("read", "readv", "pread", "preadv", "preadv2", "recv", "recvfrom", "recvmsg",
           "recvmmsg", "splice", "tee", "sendfile", "copy_file_range", "fgets", "fgetc", "getc",
           "getchar", "getline", "getdelim", "fread", "fscanf", "scanf", "fdopen",
           "io_uring_enter", "passed_fds_receive")

# The permitted reads in code that the parent runs, how often each may occur, and the reason why it
# reads no client's data.
MAY_READ = {
    ("src/daemon/process/detach.c", "read"): (1, "the status that a starting daemon sends its terminal"),
    ("src/base/passed_fds.c", "recv"): (1, "passed_fds_receive(), whose callers are on this list"),
    ("src/base/passed_fds.c", "passed_fds_receive"): (1, "the same"),
    ("src/base/passed_fds.h", "passed_fds_receive"): (1, "the same"),
    ("src/daemon/control/control_socket.c", "passed_fds_receive"): (1, "the request of an administrator"),
    ("src/daemon/process/handover.c", "fdopen"): (3, "what the program before left, in a memfd"),
    ("src/daemon/process/handover.c", "fgets"): (2, "the same"),
    ("src/daemon/process/handover.c", "pread"): (1, "whether it is that"),
    ("src/daemon/state.c", "fgets"): (1, "the same"),
    ("src/daemon/reload/dry_run.c", "fgets"): (1, "the same"),
    ("src/daemon/control/metrics_file.c", "fdopen"): (1, "to write the metrics_file"),
    ("src/daemon/reload/reload.c", "read"): (1, "what the dry run, a child, prints"),
    ("src/daemon/process/system_limits.c", "fgets"): (2, "files of /proc and of the cgroup"),
    ("src/daemon/process/system_limits.c", "recvmmsg"): (1, "of no descriptor: whether the call is refused"),
    ("src/daemon/listen/socket_paths.c", "fgets"): (1, "a file of /proc"),
    ("src/config/inifile.c", "read"): (1, "the configuration"),
    ("src/generator/dropin.c", "fdopen"): (1, "to write drop-ins"),
    ("src/generator/last_valid.c", "fdopen"): (1, "to write what is kept"),
    ("src/config/serialize.c", "fdopen"): (1, "what the dry run handed back, in a memfd"),
    ("src/config/serialize.c", "getline"): (1, "the same"),
    ("src/scribe/scribe.c", "recv"): (2, "in the scribe: records from the parent"),
    ("src/ipc/store.c", "recv"): (1, "in a worker: the answer of the scribe"),
    ("src/ipc/store.c", "recvmsg"): (1, "in the scribe: messages from workers"),
    ("src/ipc/store.c", "passed_fds_receive"): (1, "the same, taken away"),
    ("src/ipc/channel.c", "recvmsg"): (1, "jobs and reports, between processes of ours"),
    ("src/ipc/job.c", "pread"): (1, "in the fork server: a job that is long"),
    ("src/ipc/slot.c", "read"): (1, "the doorbell, a counter"),
    ("src/daemon/supervise/self_test.c", "recv"): (1, "the echo of the byte that it sent itself"),
}
# Only these read clients' data; src/client and src/ctl are other programs.
MAY_READ_CLIENTS = ("src/service/", "src/worker/", "src/client/", "src/ctl/")


def includes(tree, name):
    """The quoted includes of a source: (line number, what is included)."""
    text = lint.blanked(tree.read(name), strings=False)
    for number, line in enumerate(text.split("\n"), 1):
        match = re.match(r'\s*#\s*include\s*"([^"]+)"', line)
        if match:
            yield number, match.group(1)


def sources(tree):
    return tree.files("src/**/*.c", "src/**/*.h")


def folder_of(name):
    return name.removeprefix("src/").rpartition("/")[0]


def includes_point_down(tree):
    for name in sources(tree):
        folder = folder_of(name)
        if folder not in FOLDERS:
            yield f"{name}: src/{folder} is not in the list of folders"
            continue
        for line, header in includes(tree, name):
            if header == GENERATED:
                continue
            if "/" not in header:
                yield f'{name}:{line}: "{header}" must be named relative to src/'
            elif folder_of(header) not in {folder, "base", *FOLDERS[folder].split()}:
                yield f"{name}:{line}: src/{folder} must not include {header}"


def folders_are_small(tree):
    count = {}
    for name in tree.files("src/**/*.c"):
        count[folder_of(name)] = count.get(folder_of(name), 0) + 1
    for folder, files in sorted(count.items()):
        if files > FOLDER_MAX:
            yield f"src/{folder} has {files} sources, more than {FOLDER_MAX}"


def own_header_comes_first(tree):
    for name in tree.files("src/**/*.c"):
        own = name.removesuffix(".c") + ".h"
        text = lint.blanked(tree.read(name), strings=False)
        first = re.search(r'^\s*#\s*include\s*["<]([^">]+)', text, flags=re.M)
        if tree.exists(own) and (not first or "src/" + first.group(1) != own):
            yield f"{name}: does not include its own header first"


def no_source_is_included(tree):
    for name in sources(tree):
        for line, header in includes(tree, name):
            if header.endswith(".c"):
                yield f"{name}:{line}: includes {header}, a source"


def headers_have_guards(tree):
    for name in tree.files("src/**/*.h"):
        guard = "ECHOD_" + re.sub(r"[/.]", "_", name.removeprefix("src/")).upper()
        text = lint.blanked(tree.read(name)).strip()
        if not text.startswith(f"#ifndef {guard}\n#define {guard}\n") or not text.endswith("#endif"):
            yield f"{name}: is not guarded by {guard}"


def parent_reads_no_client(tree):
    found = {}
    for name in sources(tree):
        if name.startswith(MAY_READ_CLIENTS):
            continue
        for line, call, _ in lint.calls(tree.read(name), READING):
            found.setdefault((name, call), []).append(line)
    for (name, call), lines in found.items():
        count, _ = MAY_READ.get((name, call), (0, ""))
        for line in lines[count:]:
            yield f"{name}:{line}: {call}() is not on the list of what the parent may read"
    for (name, call), (count, _) in MAY_READ.items():
        if len(found.get((name, call), ())) < count:
            yield f"{name}: the list of what may be read has {count} of {call}(), that is too many"


def insert(name, line):
    return lambda tree: tree.doctored(name, r"\A", line + "\n")


def append(name, text):
    return lambda tree: tree.with_file(name, tree.read(name) + text)


lint.main([
    ("includes point down", includes_point_down, {
        "the base including a layer above": insert("src/log/log.c", '#include "net/cidr.h"'),
        "the network including the configuration":
            insert("src/net/cidr.h", '#include "config/settings.h"'),
        "the daemon including a service": insert("src/daemon/run.c", '#include "service/service.h"'),
        "the daemon including a worker": insert("src/daemon/run.c", '#include "worker/worker.h"'),
        "the client including the daemon": insert("src/client/main.c", '#include "daemon/process/command_line.h"'),
        "a worker including the daemon": insert("src/service/echo.c", '#include "daemon/daemon.h"'),
        "a header without its directory": insert("src/log/log.c", '#include "log.h"'),
        "a folder including the one that composes it":
            insert("src/daemon/process/notify.c", '#include "daemon/daemon.h"'),
        "a folder that is not in the list": lambda t: t.with_file("src/extra/a.c", "")}),
    ("a folder has at most a dozen sources", folders_are_small, {
        "one that has more": lambda t: t.with_file("src/base/one.c", "").with_file(
            "src/base/two.c", "")}),
    ("each source includes its own header first", own_header_comes_first, {
        "one that does not": insert("src/net/cidr.c", "#include <stdio.h>")}),
    ("no source is included", no_source_is_included, {
        "one that is": insert("src/net/cidr.c", '#include "net/address.c"')}),
    ("each header is guarded by its name", headers_have_guards, {
        "one that is not": lambda t: t.doctored("src/net/cidr.h", "^#ifndef .*", "#ifndef CIDR")}),
    ("the parent never reads a byte that a client sent", parent_reads_no_client, {
        "a recv() in the parent":
            append("src/daemon/admission/admit.c", "void f(void) { recv(0, 0, 0, 0); }\n"),
        "a read() beyond the one that is allowed":
            append("src/daemon/process/detach.c", "void f(void) {\n    read (0,\n 0, 0); }\n"),
        "a splice() in the network layer":
            append("src/net/listener.c", "void f(void) { splice(0, 0, 0, 0, 0, 0); }\n"),
        "an entry of the list that is not needed any more":
            lambda t: t.doctored("src/daemon/process/detach.c", r"\bread\(", "reap(")}),
])
