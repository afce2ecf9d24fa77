"""Held clients: their memory, and the cost of other clients at the same time, before and after a reload.

There is one sample for each count. It omits measurements that a server does not support or did not reach:

    memory_kib          decrease of MemAvailable per held client, with both ends and everything else
    cgroup_kib          the server's own part, by its memory cgroup
    alone_us            CPU per short connection with none held, 16 clients at once
    beside_us, one_us   the same while clients are held; and one after the other
    end_us              CPU per end of a held client
    list_ms, reload_ms, drain_ms, and ..._cpu_ms; the drain ends clients at once
    lines               the number of lines of echoctl list
    reloaded_...        the same after a reload
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
    """COUNT clients that SERVER holds, and their sample."""

    def __init__(self, server, plan, count):
        self.server, self.plan, self.count = server, plan, count
        self.sample = {"wanted": count, "held": 0, "errors": 0}
        self.free = self.cgroup = 0
        self.session = None

    def run(self):
        """Measures until something fails; the sample keeps the earlier measurements."""
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
        """First ends some clients: if the maximum is held, there is no room for another one."""
        ends = min(self.plan.ends, self.count // 8)
        self.sample[prefix + "end_us"] = self._end(ends)
        for name, clients, count in (("beside_us", AT_ONCE, self.plan.short_count),
                                     ("one_us", 1, ONE_AFTER_THE_OTHER)):
            self.sample[prefix + name], errors = _connections(self.server, self.plan, clients,
                                                              count)
            self._note_errors(errors)

    def _end(self, count):
        """Closes COUNT held clients. Returns the CPU time per client."""
        group = self.server.group
        processes, before = len(group.processes()), group.cpu()
        self._note_errors(self.session.close_some(count)["errors"])
        forks = processes > self.count // 2
        self.server.settle(processes - count if forks else None)
        return (group.cpu() - before) / count * 1e6

    def _look_after(self):
        """Measures what only echod can do: list, reload, drain; and the costs after a reload."""
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
        if group.by_cgroup:  # otherwise, processes that have ended are not counted any more
            self.sample["drain_cpu_ms"] = (group.cpu() - before) * 1e3


def hold(server, plan, count):
    with machine.many_processes(count if count > 10000 else 0):
        reason = machine.fits(count, server.kind.one_process)
        if reason:
            raise Failed(reason)
        return Holding(server, plan, count).run()
