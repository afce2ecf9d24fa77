"""Selects the faults to try from all that are possible."""
import random

import errors
from supervisor import Fault


def points(seen, mistakes):
    """Yields each (kind, call, errors) of the census SEEN that can fail."""
    for (kind, name), count in sorted(seen.items()):
        found = errors.of(kind, name, mistakes)
        if found and not kind.startswith("python"):
            yield kind, name, count, found


def part(census, seed):
    """Makes each call of each kind of process fail the first time, some other time, and permanently once
    echod serves; each time with one of its errors."""
    chance = random.Random(seed)
    for kind, name, count, found in points(census.seen, False):
        for nth in sorted({1, chance.randint(1, count)}):
            yield Fault(kind, name, chance.choice(found), nth)
        yield from lasting(census, kind, name, count, [chance.choice(found)], at_start=False)


def whole(census, seed, sample=3):
    """Makes each call fail with each error: the first time, a SAMPLE of other times, permanently from the
    first time on, and permanently once echod serves."""
    chance = random.Random(seed)
    for kind, name, count, found in points(census.seen, True):
        for error in found:
            nths = {1} | set(chance.sample(range(1, count + 1), min(sample, count)))
            yield from (Fault(kind, name, error, nth) for nth in sorted(nths))
        yield from lasting(census, kind, name, count, found, at_start=True)


def lasting(census, kind, name, count, found, at_start):
    before = census.before[kind, name]
    for error in found:
        if not errors.can_last(name, error):
            continue
        if at_start:
            yield Fault(kind, name, error, 1, lasts=True)
        if 0 < before < count or (before == 0 and not at_start):
            yield Fault(kind, name, error, before + 1, lasts=True)
