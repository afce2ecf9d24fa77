"""The examples of echoc(1) and check_echo(1) work as the pages show."""
import os
import pty

from expect import Skip, expect
from harness import Echod
from manual import as_shown, examples
from tap import main, private_network, test


def typed(command, shown):
    """The same for an example in which the second line is typed: a terminal shows it, too."""
    ours, theirs = pty.openpty()
    os.write(ours, (shown[1] + "\n\x04").encode())
    as_shown(command, [shown[0]] + shown[2:], stdin=theirs)
    os.close(ours)
    os.close(theirs)


def echod_at_the_usual_port():
    if not private_network():
        raise Skip("port 7777 may be somebody else's in this network")
    # A datagram is sent to the first address of localhost, whichever that is here.
    return Echod("[listen tcp]\naddress = 127.0.0.1\nport = 7777\n"
                 "[listen udp]\nprotocol = udp\naddress = localhost\nport = 7777\n"
                 "[listen whoami]\naddress = 127.0.0.1\nport = 7780\nservice = whoami\n"
                 "[listen daytime]\naddress = 127.0.0.1\nport = 7013\nservice = daytime\n")


@test("every example of echoc(1) prints what it shows")
def echoc():
    with echod_at_the_usual_port():
        found = examples("echoc.1")
        expect(len(found) >= 8, "the page has examples")
        for command, shown in found:
            (typed if command == "echoc localhost" else as_shown)(command, shown)


@test("the examples of check_echo(1) that have a local server print what they show")
def check_echo():
    with echod_at_the_usual_port():
        found = [e for e in examples("check_echo.1") if "localhost" in e[0]]
        expect(len(found) >= 2, "the page has examples")
        for command, shown in found:
            as_shown(command, shown)


main()
