"""The amount of each kind of work."""
import dataclasses
from dataclasses import dataclass

WORK = ("short", "pingpong", "bulk", "held", "datagrams", "start")


@dataclass
class Plan:
    rounds: int = 5
    seconds: float = 1.0  # of each ping-pong, stream or flight of datagrams
    short_count: int = 4000  # connections, or as many as possible in SHORT_SECONDS
    short_seconds: float = 3.0
    short_clients: tuple = (1, 16, 64)
    # (size, clients). The goals refer to 50 clients with 64 bytes.
    pingpong: tuple = ((64, 1), (64, 16), (64, 50), (64, 100), (64, 1000),
                       (1024, 1), (1024, 16), (1024, 100), (1024, 1000),
                       (65536, 1), (65536, 16), (65536, 100), (65536, 1000))
    bulk_clients: tuple = (1, 4)
    held: tuple = (1000, 10000, 100000)
    held_seconds: float = 300.0  # time limit for all of them to connect
    settle_seconds: float = 10.0  # time limit for the available memory to become stable
    ends: int = 500  # held clients whose end is measured together
    datagram_sizes: tuple = (64, 1400)
    datagrams_in_flight: int = 16
    starts: int = 10

    def held_rounds(self, count):
        """The rounds for COUNT held clients: fewer for more clients, with which a round takes minutes."""
        return 1 if count > 10000 else min(self.rounds, 3) if count > 1000 else self.rounds

    def scaled(self, factor):
        """A copy with counts and times multiplied by FACTOR, to test the benchmark itself."""
        def times(value, least=1):
            return max(least, round(value * factor))
        return dataclasses.replace(
            self, seconds=self.seconds * factor, settle_seconds=self.settle_seconds * factor,
            short_count=times(self.short_count, 32),
            held=tuple(times(count, 8) for count in self.held), ends=times(self.ends, 2),
            starts=times(self.starts))


FULL = Plan()
QUICK = Plan(rounds=3, seconds=0.5, short_count=2000, short_seconds=1.0,
             pingpong=((64, 1), (64, 50), (1024, 16), (65536, 1), (65536, 16)),
             held=(1000, 10000), ends=200, starts=3)
