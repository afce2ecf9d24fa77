#!/usr/bin/env python3
"""Measures the cost of connections for echod, other servers and the bare fork loop, in one interleaved run
with the same work. Prints Markdown tables. doc/PERFORMANCE.md describes the method.
"""
import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
import accounting  # noqa: E402
import held  # noqa: E402
import machine  # noqa: E402
import plan as plans  # noqa: E402
import plots  # noqa: E402
import report  # noqa: E402
import servers  # noqa: E402
import tools  # noqa: E402
import work  # noqa: E402
from results import Results  # noqa: E402


def words_of(known):
    """An argparse type: a comma-separated list of words of KNOWN."""
    def parse(text):
        found = [word.strip() for word in text.split(",") if word.strip()]
        for word in found:
            if word not in known:
                raise argparse.ArgumentTypeError(
                    f"{word} is not one of {', '.join(known)}")
        if not found:
            raise argparse.ArgumentTypeError(f"at least one of {', '.join(known)} is needed")
        return found
    return parse


def positive(kind):
    def parse(text):
        try:
            value = kind(text)
        except ValueError:
            value = 0
        if not 0 < value <= 1000:
            raise argparse.ArgumentTypeError(f"{text} is not a number above 0 and up to 1000")
        return value
    return parse


class Parser(argparse.ArgumentParser):
    def error(self, message):
        self.exit(64, f"bench: {message} (--help lists the options)\n")


def parse_arguments():
    names = [kind.name for kind in servers.KINDS]
    parser = Parser(
        prog="./dev bench", description="Measure what a connection costs, echod beside others.")
    parser.add_argument("--quick", action="store_true",
                        help="less of everything: some ten minutes instead of more than an hour")
    parser.add_argument("--only", type=words_of(plans.WORK), default=list(plans.WORK),
                        metavar="WORK,...", help=f"of {', '.join(plans.WORK)}")
    parser.add_argument("--servers", type=words_of(names), metavar="NAME,...",
                        default=[name for name in names if name not in servers.EXTRA],
                        help=f"of {', '.join(names)}")
    parser.add_argument("--rounds", type=positive(int), metavar="N",
                        help="of everything but the largest numbers of held clients")
    parser.add_argument("--scale", type=positive(float), default=1.0, metavar="F",
                        help="multiply counts and times: 0.01 tries the bench itself")
    parser.add_argument("--json", type=Path, metavar="FILE", help="every sample, and the medians")
    parser.add_argument("--plots", type=Path, metavar="DIR", help="SVG files, by gnuplot")
    return parser.parse_args()


class Bench:
    def __init__(self, options, directory):
        self.options, self.directory = options, directory
        self.plan = plans.QUICK if options.quick else plans.FULL
        if options.rounds:
            self.plan.rounds = options.rounds
        if options.scale != 1:
            self.plan = self.plan.scaled(options.scale)
        self.programs = tools.compile_programs(directory, options.servers)
        self.load = tools.Load(self.programs["load"])
        self.results = Results()
        self.facts = {"machine": machine.describe(), "rounds": self.plan.rounds, "fork_us": []}
        self.kinds = self._kinds()

    def _kinds(self):
        found = []
        for kind in servers.KINDS:
            if kind.name not in self.options.servers:
                continue
            kind.tools = self.programs
            if kind.missing():
                self.results.note(f"{kind.name}: {kind.program} is not installed")
            else:
                found.append(kind)
        return found

    def run(self):
        group = accounting.Group(f"echod-bench-{os.getpid()}")
        self.facts["accounting"] = group.describe()
        group.kill()
        self.facts["before"] = machine.state(self.load)
        try:
            for number in range(self.plan.rounds):
                self._round(number)
        finally:
            self.facts["after"] = machine.state(self.load)

    def _round(self, number):
        self.facts["fork_us"].append(machine.state(self.load)["fork_us"])
        # Each round begins with another server.
        turn = number % len(self.kinds) if self.kinds else 0
        for name in self.options.only:
            for kind in self.kinds[turn:] + self.kinds[:turn]:
                self._measure(name, kind, number)

    def _measure(self, name, kind, number):
        progress(f"round {number + 1} of {self.plan.rounds}: {name}, {kind.name}")
        try:
            if name == "held":
                self._hold(kind, number)
            elif name == "start":
                self._add(name, kind, number, work.start(kind, self.load, self.directory,
                                                         self.plan))
            elif name != "datagrams" or kind.datagrams:
                with self._server(kind, datagrams=name == "datagrams") as server:
                    self._add(name, kind, number, getattr(work, name)(server, self.plan))
        except (tools.Failed, OSError, subprocess.SubprocessError) as reason:
            self.results.note(f"{name}, {kind.name}, round {number + 1}: {reason}")

    def _server(self, kind, datagrams=False):
        return servers.Server(kind, self.load, self.directory, datagrams)

    def _add(self, name, kind, number, cells):
        for cell, sample in cells:
            self.results.add(name, kind.name, cell, number, sample)

    def _hold(self, kind, number):
        for count in self.plan.held:
            if count > kind.held_max or number >= self.plan.held_rounds(count):
                continue
            progress(f"round {number + 1} of {self.plan.rounds}: {count} held, {kind.name}")
            with self._server(kind) as server:
                sample = held.hold(server, self.plan, count)
            self.results.add("held", kind.name, f"{count}", number, sample)
            if "failed" in sample:
                self.results.note(f"{count} held, {kind.name}: {sample['failed']}")


def progress(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
    else:
        print(text, file=sys.stderr, flush=True)


def publish(bench, options):
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)
    print("\n".join(report.lines(bench.results, bench.facts)))
    if options.json:
        data = {**bench.facts, "notes": bench.results.notes,
                "medians": list(bench.results.medians()), "samples": bench.results.samples}
        options.json.write_text(json.dumps(data, indent=1) + "\n")
    if options.plots and not plots.draw(bench.results, options.plots):
        print("\nNo plots: gnuplot is not installed.")


def end_well(number, _):
    """A signal handler that exits in order, so that context managers end processes and undo changes."""
    raise SystemExit(128 + number)


def main():
    options = parse_arguments()
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, end_well)
    machine.raise_limits()
    machine.own_network()
    with tempfile.TemporaryDirectory(prefix="echod-bench-") as name:
        os.chmod(name, 0o755)
        bench = Bench(options, Path(name))
        try:
            bench.run()
        except SystemExit as end:
            if bench.results.samples:
                cause = f"signal {end.code - 128}" if isinstance(end.code, int) else end.code
                bench.results.note(f"the rest, as the bench ended early ({cause})")
                publish(bench, options)
            raise
        publish(bench, options)


if __name__ == "__main__":
    main()
