"""Creates doc/pictures/status.svg and list.svg, which show a service with clients, in a container as for the
tests. Needs root; ./dev pictures runs it."""
import os
import re
import socket
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path += [os.path.join(HERE, "..", "daemon"), os.path.join(HERE, "..", "..", "doc", "pictures")]
from expect import eventually  # noqa: E402
from run import BUILD, SOURCE, container  # noqa: E402
from system import CONFIG, System  # noqa: E402
from terminal import draw  # noqa: E402

PICTURES = os.path.join(SOURCE, "doc", "pictures")
# From the blocks for documentation (RFC 5737, RFC 3849); on the container's loopback.
CLIENTS = [("198.51.100.7", 7777), ("203.0.113.20", 7777), ("203.0.113.21", 9999), ("2001:db8::5", 7777)]
CONFIGURATION = """[server]
max_clients = 200
[listen local]
address = *
port = 7777
[listen inbox]
address = *
port = 9999
service = message
"""


def connect(address, port):
    """A client from ADDRESS that has been served."""
    host = "::1" if ":" in address else "127.0.0.1"
    sock = socket.create_connection((host, port), 30, (address, 0))
    sock.sendall(b"Hello, echod\n")
    sock.recv(64)
    return sock


def draw_to(system, name, shown, *command):
    output = system.output("env", "SYSTEMD_COLORS=16", "COLUMNS=104", *command)
    with open(os.path.join(PICTURES, name), "w", encoding="utf-8") as file:
        file.write(draw(shown, output))


def take_pictures(system):
    for address, _ in CLIENTS:
        system.run("ip", "address", "add", address, "dev", "lo")
    system.run("hostname", "server")
    system.machine.write(CONFIG, CONFIGURATION)
    system.run("systemctl", "enable", "-q", "echod")
    system.start()
    clients = [connect(*client) for client in CLIENTS]
    eventually(lambda: re.match("%d/" % len(clients), system.show("StatusText")),
               "the status counts the clients")
    draw_to(system, "status.svg", "systemctl status echod", "systemctl", "status", "--no-pager", "-n4",
            "echod")
    draw_to(system, "list.svg", "echoctl list", "echoctl", "list")
    for sock in clients:
        sock.close()


def main():
    machine, tarball = container("bookworm", "pictures")
    try:
        machine.prepare(tarball)
        system = System(machine, BUILD)
        system.provide()
        take_pictures(system)
    finally:
        machine.stop()


main()
