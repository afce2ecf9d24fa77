"""The kinds of work, except held clients (held.py). Each takes a running server and yields
(cell, sample): the parameter that varies, and the measurements, a dict of numbers.

    cpu_us  the server's CPU per connection, round trip, MiB or datagram, in microseconds
    rate    the number of these per second
    done, errors
"""
import time

from servers import Server

MIB = 1 << 20


def _sample(cpu, result, unit=1):
    done = result["done"] / unit
    return {"cpu_us": cpu / done * 1e6 if done else None,
            "rate": done / result["seconds"] if result["seconds"] else None,
            "done": done, "errors": result["errors"]}


def short_connections(server, clients, count, seconds):
    cpu, result = server.cost(lambda: server.load.run("short", clients, count, seconds))
    return _sample(cpu, result)


def short(server, plan):
    short_connections(server, 1, min(200, plan.short_count), 1)  # warms up
    for clients in plan.short_clients:
        yield f"{clients}", short_connections(server, clients, plan.short_count,
                                              plan.short_seconds)


def _while_connected(server, unit, clients, words):
    """Measures a run without the time to connect and close."""
    with server.load.session(*words) as session:
        connected = session.report()
        if connected["errors"] or connected["done"] < clients:
            return {"cpu_us": None, "rate": None, "done": 0, "errors": connected["errors"] or 1}
        server.settle()
        before = server.group.cpu()
        result = session.ask("go")
        sample = _sample(server.group.cpu() - before, result, unit)
    return sample


def pingpong(server, plan):
    for size, clients in plan.pingpong:
        alone = server.group.processes()
        yield f"{size} {clients}", _while_connected(
            server, 1, clients, ("pingpong", clients, size, plan.seconds))
        server.settle(len(alone))


def bulk(server, plan):
    for clients in plan.bulk_clients:
        alone = server.group.processes()
        yield f"{clients}", _while_connected(server, MIB, clients,
                                             ("bulk", clients, plan.seconds))
        server.settle(len(alone))


def datagrams(server, plan):
    for size in plan.datagram_sizes:
        cpu, result = server.cost(lambda size=size: server.load.run(
            "datagrams", size, plan.datagrams_in_flight, plan.seconds))
        yield f"{size}", _sample(cpu, result)


def start(kind, load, directory, plan):
    """Measures the time from the start to the first echo and, for echod, a reload."""
    for _ in range(plan.starts):
        server = Server(kind, load, directory)
        try:
            seconds = server.start()
            server.settle()
            yield "start", {"ms": seconds * 1e3, "cpu_ms": server.group.cpu() * 1e3, "errors": 0}
            if kind.name == "echod":
                yield "reload", echoctl_cost(server, "reload")
        finally:
            server.stop()


def echoctl_cost(server, verb):
    def ask():
        begin = time.monotonic()
        text = server.echoctl(verb)
        return time.monotonic() - begin, len(text.splitlines())
    cpu, (seconds, lines) = server.cost(ask)
    return {"ms": seconds * 1e3, "cpu_ms": cpu * 1e3, "lines": lines, "errors": 0}
