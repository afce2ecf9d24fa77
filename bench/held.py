"""Clients that are held: their memory, and what others cost beside them, before and after a reload.

One sample for each count; what a server cannot do, or did not get to, is left out of it:

    memory_kib          MemAvailable lost per held client: both ends, all in
    cgroup_kib          the server's own part, by its memory cgroup
    alone_us            CPU per short connection with none held, 16 clients at once
    beside_us, one_us   the same beside the held ones; and one after the other
    end_us              CPU per end of a held client
    list_ms, reload_ms, drain_ms, and ..._cpu_ms; the drain gives clients no time
    lines               of echoctl list
    reloaded_...        after a reload
"""
import time

import machine
import work
from tools import Failed

AT_ONCE = 16
BESIDE_SECONDS = 5
ONE_AFTER_THE_OTHER = 200


def _connections(server, plan, clients, count):
    sample = work.short_connections(server, clients, min(count, plan.short_count),
                                    BESIDE_SECONDS)
    return sample["cpu_us"], sample["errors"]


class Holding:
    """COUNT clients held by SERVER, and the sample that is made of them."""

    def __init__(self, server, plan, count):
        self.server, self.plan, self.count = server, plan, count
        self.sample = {"wanted": count, "held": 0, "errors": 0}
        self.free = self.cgroup = 0
        self.session = None

    def run(self):
        """Goes on until something fails; what was measured until then is kept."""
        self._alone()
        with self.server.load.holders(self.count, self.plan.held_seconds) as session:
            self.session = session
            try:
                self._come_in()
                self._beside("")
                if self.server.kind.name.startswith("echod"):
                    self._look_after()
            except Failed as reason:
                self.sample["errors"] += 1
                self.sample["failed"] = str(reason)
        return self.sample

    def _note_errors(self, errors):
        self.sample["errors"] += errors

    def _alone(self):
        self.sample["alone_us"], errors = _connections(self.server, self.plan, AT_ONCE,
                                                       self.plan.short_count)
        self._note_errors(errors)
        self.free = machine.settled_memory(self.plan.settle_seconds)
        self.cgroup = self.server.group.memory()

    def _come_in(self):
        result = self.session.report(self.plan.held_seconds + 60)
        self._note_errors(result["errors"] or self.count - result["done"])
        self.sample["held"], self.sample["seconds"] = result["done"], result["seconds"]
        if not result["done"]:
            raise Failed("no client was served")
        self.server.settle()
        self._measure_memory("", result["done"])
        self._note_errors(self.session.check()["errors"])

    def _measure_memory(self, prefix, held):
        used = self.free - machine.settled_memory(self.plan.settle_seconds)
        self.sample[prefix + "memory_kib"] = used / held / 1024
        if self.cgroup is not None:
            used = self.server.group.memory() - self.cgroup
            self.sample[prefix + "cgroup_kib"] = used / held / 1024

    def _beside(self, prefix):
        """Ends first: with as many held as are allowed there is no place for one more."""
        ends = min(self.plan.ends, self.count // 8)
        self.sample[prefix + "end_us"] = self._end(ends)
        for name, clients, count in (("beside_us", AT_ONCE, self.plan.short_count),
                                     ("one_us", 1, ONE_AFTER_THE_OTHER)):
            self.sample[prefix + name], errors = _connections(self.server, self.plan, clients,
                                                              count)
            self._note_errors(errors)

    def _end(self, count):
        """CPU per end of one of COUNT held clients, which all close."""
        group = self.server.group
        processes, before = len(group.processes()), group.cpu()
        self._note_errors(self.session.close_some(count)["errors"])
        forks = processes > self.count // 2
        self.server.settle(processes - count if forks else None)
        return (group.cpu() - before) / count * 1e6

    def _look_after(self):
        """What echod offers: a list, a reload, a drain; and once more what it costs after one."""
        held = self.sample["held"] - min(self.plan.ends, self.count // 8)
        for verb in ("list", "reload"):
            cost = work.echoctl_cost(self.server, verb)
            self.sample[verb + "_ms"], self.sample[verb + "_cpu_ms"] = cost["ms"], cost["cpu_ms"]
            if verb == "list":
                self.sample["lines"] = cost["lines"] - 1
        self._measure_memory("reloaded_", held)
        self._note_errors(self.session.check()["errors"])
        self._beside("reloaded_")
        self._drain()

    def _drain(self):
        group, begin = self.server.group, time.monotonic()
        before = group.cpu()
        self.server.drain()
        self.sample["drain_ms"] = (time.monotonic() - begin) * 1e3
        if group.by_cgroup:  # else what has ended is not counted any more
            self.sample["drain_cpu_ms"] = (group.cpu() - before) * 1e3


def hold(server, plan, count):
    with machine.many_processes(count if count > 10000 else 0):
        reason = machine.fits(count, server.kind.one_process)
        if reason:
            raise Failed(reason)
        return Holding(server, plan, count).run()
