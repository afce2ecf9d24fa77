"""Selects the faults to try, of all that are possible."""
import random

import errors
from supervisor import Fault


def points(seen, mistakes):
    """Each (kind, call, errors) of SEEN, a census, that can fail."""
    for (kind, name), count in sorted(seen.items()):
        found = errors.of(kind, name, mistakes)
        if found and not kind.startswith("python"):
            yield kind, name, count, found


def part(census, seed):
    """Each call of each kind of process fails the first time, some other time, and for good from when echod
    serves on; each with one of its errors."""
    chance = random.Random(seed)
    for kind, name, count, found in points(census.seen, False):
        for nth in sorted({1, chance.randint(1, count)}):
            yield Fault(kind, name, chance.choice(found), nth)
        yield from lasting(census, kind, name, count, [chance.choice(found)], at_start=False)


def whole(census, seed, sample=3):
    """Each error of each call: the first time, a SAMPLE of the others, for good from the first one on,
    and from when echod serves."""
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
