"""Creates doc/pictures/path.svg: the output of echoc path for a path with several faults. Needs root; ./dev
pictures runs it."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path += [HERE, os.path.join(HERE, "..", "..", "doc", "pictures")]
from lab import Lab  # noqa: E402
from programs import nobody, true_root  # noqa: E402
from tap import enter_network, kill_all  # noqa: E402
from terminal import draw  # noqa: E402
from verbs import run  # noqa: E402

FAULTS = """
chain nat { type nat hook postrouting priority srcnat; oifname far masquerade; }
chain mangle { type filter hook forward priority mangle;
    iifname wire tcp flags & (syn | ack) == syn tcp option maxseg size set 1380;
    iifname wire ip dscp set cs0;
    ip length > 1420 drop; }
"""
SHOWN = "echoc path --idle 2s server.example.net"
PICTURE = os.path.join(HERE, "..", "..", "doc", "pictures", "path.svg")


def main():
    enter_network()
    try:
        with Lab(rules=FAULTS) as path, path.client.inside():
            done = run("path", "--idle", "2s", path.host, **(nobody() if true_root() else {}))
        with open(PICTURE, "w", encoding="utf-8") as file:
            file.write(draw(SHOWN, done.out))
    finally:
        kill_all()


main()
