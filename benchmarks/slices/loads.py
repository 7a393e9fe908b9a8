"""How long each of the numbered records takes, by the kind of load: (number, count) -> seconds."""

from zlib import crc32

QUICK, SLOW, SLOWEST = 0.005, 0.3, 3.0
RARE = 200  # one record of so many is a slow one
FEW = 3  # of those of which there are a few


def nothing(n, count):
    """No time but what it costs."""
    return 0.0


def even(n, count):
    """Each as long as any other."""
    return 2 * QUICK


def hot(n, count):
    """As long as `even` in all; nineteen twentieths of it in the first eighth."""
    return 2 * QUICK * (0.95 * 8 if n < count / 8 else 0.05 * 8 / 7)


def slow(n, count):
    """Quick ones, and a slow one now and then, at random places."""
    return SLOW if crc32(b"%d" % n) % RARE == 0 else QUICK * (crc32(b"%d!" % n) % 3)


def slowest(n, count):
    """The same, and one that takes longer than any slice."""
    return SLOWEST if n == count // 2 else slow(n, count)


def up_to_slow(n, count):
    """None, a third, two thirds of SLOW, and all of it."""
    return SLOW * (n % 4) / 3


def up_to_slowest(n, count):
    """The same, and a few that take longer than any slice."""
    every = max(1, count // FEW)
    return SLOWEST if n % every == every // 2 else up_to_slow(n, count)


LOADS = {
    load.__name__: load for load in (nothing, even, hot, slow, slowest, up_to_slow, up_to_slowest)
}
