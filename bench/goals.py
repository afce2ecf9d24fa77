"""The goals, each a limit for one figure of a run. "Loop" is the bare loop with libc."""
from dataclasses import dataclass

SHORT = "16"  # the number of concurrent clients for the CPU goals
PEERS = (("socat", 0.30), ("xinetd", 0.35), ("tcpserver", 0.23), ("ncat", 0.12))
HELD = "10000"
MOST = "100000"


@dataclass
class Goal:
    text: str
    limit: float
    figure: object  # a function of Results; returns None if it was not measured
    at_most: bool = True

    def judge(self, results):
        """Returns (figure, "met", "missed" or "not measured")."""
        figure = self.figure(results)
        if figure is None:
            return None, "not measured"
        met = figure <= self.limit if self.at_most else figure >= self.limit
        return figure, "met" if met else "missed"


def _of(other, work, cell, field):
    return lambda results: results.ratio(work, "echod", other, cell, field)


def _held(field, base, cell=HELD):
    """The median ratio of two figures of echod from the same rounds."""
    def figure(results):
        pairs = [s for s in results.samples if s["work"] == "held" and s["server"] == "echod"
                 and s["cell"] == cell and (s.get(field) or 0) > 0 and (s.get(base) or 0) > 0]
        ratios = sorted(s[field] / s[base] for s in pairs)
        return ratios[len(ratios) // 2] if ratios else None
    return figure


def _bulk(clients):
    """The ratio of echod's rate to that of the fastest other server."""
    def figure(results):
        rates = [results.median("bulk", server, clients, "rate")
                 for server in results.servers("bulk") if not server.startswith("echod")]
        own = results.median("bulk", "echod", clients, "rate")
        best = max((rate for rate in rates if rate), default=None)
        return own / best if own and best else None
    return figure


def _errors_of_most(results):
    found = results.values("held", "echod", MOST, "errors")
    return max(found) if found else None


def _goals():
    yield Goal("CPU per short connection, of loop", 0.85, _of("loop", "short", SHORT, "cpu_us"))
    for peer, limit in PEERS:
        yield Goal(f"the same, of {peer}", limit, _of(peer, "short", SHORT, "cpu_us"))
    yield Goal("the same beside 10,000 idle clients, of that with none", 1.10,
               _held("beside_us", "alone_us"))
    yield Goal("the same after a reload, of that with none", 1.10,
               _held("reloaded_beside_us", "alone_us"))
    yield Goal("CPU of a kept client's end after a reload with 10,000, of that before it", 1.2,
               _held("reloaded_end_us", "end_us"))
    yield Goal("connections/s of one client at a time, of loop", 1.0,
               _of("loop", "short", "1", "rate"), at_most=False)
    for clients in ("1", "50"):
        # "About as fast": within the differences between runs.
        yield Goal(f"round trips/s of 64 B, {clients} at once, of loop (about 1.0)", 0.95,
                   _of("loop", "pingpong", f"64 {clients}", "rate"), at_most=False)
    for clients in ("1", "4"):
        yield Goal(f"bulk by {clients}, of the fastest other", 1.0, _bulk(clients), at_most=False)
    yield Goal("memory per held client, 10,000, both ends, of loop", 0.8,
               _of("loop", "held", HELD, "memory_kib"))
    yield Goal("errors with 100,000 held", 0, _errors_of_most)


GOALS = tuple(_goals())
