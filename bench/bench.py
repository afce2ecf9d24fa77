#!/usr/bin/env python3
"""What a connection costs: the bare fork loop and echod, measured in one interleaved run.

CPU is that of the server's process tree (user and system, reaped children included), from
/proc. Prints a table in Markdown. Quote its ratios; the absolute figures are of one machine.

    bench/bench.py [--rounds N] [--count N] [--idle N]
"""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SOURCE = Path(__file__).resolve().parent
BUILD = Path(os.environ.get("ECHOD_BUILDDIR", SOURCE.parent / "build"))
TICK = os.sysconf("SC_CLK_TCK")


def compile_programs(directory):
    """The load and the variants of the loop: what each is linked with is the point of it."""
    cc = os.environ.get("CC", "cc")
    variants = {
        "load": ["load.c"],
        "loop, static": ["bareloop.c", "-static"],
        "loop, libc": ["bareloop.c"],
        "loop, libsystemd": ["bareloop.c", "-Wl,--no-as-needed", "-lsystemd", "-Wl,-z,now"],
    }
    programs = {}
    for name, (source, *flags) in variants.items():
        programs[name] = directory / name.replace(", ", "-")
        subprocess.run([cc, "-O2", "-o", programs[name], SOURCE / source, *flags], check=True)
    return programs


def cpu_seconds(pid):
    """Of PID and its reaped children; of its living children (the scribe, idle workers), too."""
    def of(one, fields):
        stat = Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()
        return sum(int(stat[f]) for f in fields) / TICK
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return of(pid, (11, 12, 13, 14)) + sum(of(c, (11, 12)) for c in children)


class Server:
    def __init__(self, command):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True,
                                        stderr=subprocess.DEVNULL)
        line = self.process.stdout.readline()
        self.port = line.split()[2].rsplit(":", 1)[1] if " " in line else line.strip()

    def stop(self):
        self.process.kill()
        self.process.wait()
        time.sleep(0.5)  # orphans of the loop end; nothing is measured meanwhile


def measure(server, load, count):
    before, start = cpu_seconds(server.process.pid), time.monotonic()
    subprocess.run([load, server.port, str(count), "4"], check=True)
    wall = time.monotonic() - start
    return (cpu_seconds(server.process.pid) - before) / count * 1e6, count / wall


def measure_with_idle(command, load, count, idle):
    server = Server(command)
    holder = None
    try:
        if idle:
            holder = subprocess.Popen([load, server.port, "hold", str(idle)],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            if holder.stdout.readline() != b"held\n":
                raise SystemExit("bench: the idle clients were not all served")
        return measure(server, load, count)
    finally:
        server.stop()
        if holder:
            holder.stdin.close()
            holder.wait()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=8000)
    parser.add_argument("--idle", type=int, default=10000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        programs = compile_programs(directory)
        load = programs.pop("load")
        conf = directory / "echod.conf"
        conf.write_text("[server]\nmax_clients = 20000\nmax_per_source = 0\nidle_timeout = 0\n"
                        "[listen bench]\naddress = 127.0.0.1\nport = 0\n")
        quiet = directory / "quiet.conf"
        quiet.write_text(conf.read_text().replace("[server]\n", "[server]\nlog_sessions = no\n"))
        servers = {name: [program] for name, program in programs.items()}
        servers["echod"] = [BUILD / "echod", "--config", conf]
        servers["echod, log_sessions = no"] = [BUILD / "echod", "--config", quiet]
        results = {(name, idle): [] for name in servers for idle in (0, options.idle)}
        for _ in range(options.rounds):
            for (name, idle), rows in results.items():
                rows.append(measure_with_idle(servers[name], load, options.count, idle))
                print(".", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
        report(results, options)


def report(results, options):
    base = statistics.median(cpu for cpu, _ in results["loop, libsystemd", 0])
    print(f"| server | idle clients | CPU per connection | of the loop with libsystemd "
          f"| connections/s |\n|---|---|---|---|---|")
    for (name, idle), rows in results.items():
        cpu = statistics.median(row[0] for row in rows)
        rate = statistics.median(row[1] for row in rows)
        print(f"| {name} | {idle} | {cpu:.0f} µs | {cpu / base:.2f} | {rate:.0f} |")
    print(f"\nMedians of {options.rounds} interleaved rounds of {options.count} connections, "
          "4 clients at once, 32 bytes each.")


if __name__ == "__main__":
    main()
