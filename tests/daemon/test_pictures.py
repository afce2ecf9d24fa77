"""The pictures of the service in doc/pictures have the current text of the programs; numbers may differ.
(tests/lint/pictures.py checks that of echoc path. ./dev pictures recreates them.)"""
import os
import re
import socket
import sys
from pathlib import Path

from clients import recv_exactly
from expect import DEADLINE, eventually, expect, expect_equal
from managed import Managed, Manager
from proc import title
from tap import main, test

sys.dont_write_bytecode = True  # doc is in a release as a whole
SRCDIR = Path(os.environ.get("ECHOD_SRCDIR", Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(SRCDIR / "doc/pictures"))
from terminal import read  # noqa: E402

# As in tests/systemd/pictures.py, with ports that the kernel chooses.
CONFIG = """[server]
max_clients = 200
[listen local]
address = *
port = 0
[listen inbox]
address = *
port = 0
service = message
"""
MESSAGE = b"Hello, echod\n"
SENT = [("127.0.0.1", "local"), ("127.0.0.1", "local"), ("127.0.0.1", "inbox"), ("::1", "local")]


def words(text):
    """TEXT without what differs from run to run: addresses and numbers."""
    text = re.sub(r"\[[0-9a-f:]+\](:\d+)?|\d+\.\d+\.\d+\.\d+(:\d+)?", "ADDRESS", text)
    return " ".join(re.sub(r"\d+", "0", text).split())


def picture(name):
    return read((SRCDIR / "doc/pictures" / name).read_text(encoding="utf-8"))


def connect(echod, host, listener):
    port = [place for place in echod.listening[listener] if (":" in place[0]) == (":" in host)][0][1]
    sock = socket.create_connection((host, port), DEADLINE)
    sock.sendall(MESSAGE)
    recv_exactly(sock, 3 if listener == "inbox" else len(MESSAGE))
    return sock


def serve(check):
    """Calls CHECK with an echod that serves what the pictures show, and its manager."""
    with Manager() as manager, Managed(CONFIG, env=manager.env) as echod:
        clients = [connect(echod, *sent) for sent in SENT]
        eventually(lambda: len(echod.ask("list")) == len(clients), "all clients are listed")
        check(echod, manager)
        for sock in clients:
            sock.close()


def check_list(echod, _):
    status, out, _ = echod.ctl("list")
    expect_equal(status, 0, "the status of echoctl list")
    command, shown = picture("list.svg")
    expect_equal(command, "echoctl list", "the command")
    live = out.splitlines()
    expect_equal(words(shown[0]), words(live[0]), "the column names")
    expect_equal([words(line) for line in shown[1:]], [words(line) for line in live[1:]], "the rows")


@test("the picture of echoctl list shows its columns and its rows")
def of_list():
    serve(check_list)


def check_status(echod, manager):
    command, shown = picture("status.svg")
    expect_equal(command, "systemctl status echod", "the command")
    text = "\n".join(shown)
    status = words(re.search(r'Status: "(.*)"', text).group(1))
    manager.wait("STATUS=" + re.escape(status).replace("0", r"\d+"))
    titles = sorted(words(name) for name in re.findall(r'"(echod: .*)"', text))
    expect_equal(titles, sorted(words(title(pid)) for pid in echod.family()
                                if title(pid).startswith("echod: ")), "the processes")
    records = [words(line) for line in re.findall(r"echod\[\d+\]: (.*)", text)]
    live = [words(re.sub(r"^\S+ \w+: ", "", line)) for line in echod.log.all_lines()]
    expect(len(records) >= 2, "the picture shows records")
    for record in records:
        expect(record in live, "echod logs %r: %s" % (record, live))


@test("the picture of systemctl status shows echod's status, processes and records")
def of_status():
    serve(check_status)


@test("the picture of systemctl status matches the unit")
def of_unit():
    text = "\n".join(picture("status.svg")[1])
    unit = (SRCDIR / "systemd/echod.service.in").read_text(encoding="utf-8")
    described = re.search(r"^Description=(.*)@described@$", unit, re.M).group(1)
    expect(("echod.service - %s\n" % described) in text, "the description: " + described)
    for page in re.search(r"^Documentation=(.*)$", unit, re.M).group(1).split():
        expect(page in text, "the documentation: " + page)


main()
