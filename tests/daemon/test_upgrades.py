"""Hundreds of reloads, and upgrades between two versions, under load: nothing is lost."""
import re

from clients import expect_echo
from expect import SLOW, expect_equal
from managed import Load, Managed, plain_processes
from senders import KINDS, OPEN, Senders, quiet
from tap import main, test
from versions import Versions

# What this test reads slowly, on a busy machine, is dropped: of sessions, never a message.
SLOW_LOG = re.compile(r"\d+ records? (was|were) dropped: the log is too slow")

RELOADS, UPGRADES = (20, 5) if SLOW else (100, 20)


@test("%d reloads, %d of them upgrades and downgrades, under load: no client and no message is lost" %
      (RELOADS, UPGRADES))
def upgrades_and_downgrades():
    plain_processes()
    with Managed(OPEN + KINDS, copied=True) as echod:
        before = quiet(echod)
        inside = echod.echoing()
        versions = Versions(echod)
        with Senders(echod) as messages, Load(echod) as short:
            for i in range(RELOADS):
                if i % (RELOADS // UPGRADES) == 0:
                    versions.install()
                expect_equal(echod.ctl("reload"), (0, "", ""), "result of echoctl reload")
                expect_echo(inside)
                short.wait_more()
            messages.wait_more()
        expect_equal((short.failures, messages.wrong), ([], []), "failures of the clients")
        text = "\n".join(echod.log.wait("the message %s.$" % messages.stored[-1]) and echod.log.lines())
        logged = set(re.findall(r" message from .*: the message (\S+)\.$", text, re.M))
        expect_equal(set(messages.stored) - logged, set(), "messages that got OK, and are not in the log")
        expect_equal(set(messages.sent) - set(messages.stored), set(), "messages without an acknowledgement")
        complaints = re.findall(r" (?:warning|error): (.*)$", text, re.M)
        expect_equal([c for c in complaints if not SLOW_LOG.match(c)], [], "complaints")
        inside.close()
        expect_equal(quiet(echod), before, "descriptors and clients")
        print("# %d messages, %d echoes, %d short connections meanwhile" %
              (len(messages.stored), messages.echoed, short.served))


main()
