"""echoc path has no findings on a sound path, however often it runs."""
from lab import Lab, kinds

from expect import expect, scaled
from tap import main, test

RUNS = scaled(100, 10)


def clean(version):
    with Lab(version) as path:
        for n in range(RUNS // 2):
            done = path.look()
            expect(not kinds(done), "run %d finds something: %s" % (n + 1, done.out))
            done.ended(0)


@test("%d runs over IPv4 have no findings" % (RUNS // 2))
def version_4():
    clean(4)


@test("%d runs over IPv6 have no findings" % (RUNS // 2))
def version_6():
    clean(6)


main()
