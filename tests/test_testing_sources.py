"""The suite for sources itself: it must find each way to break the contract."""

import pytest

from httpmr.sources import Memory
from httpmr.testing.sources import SourceSuite


class LeavesOutTheBound(Memory):
    def read(self, after, until):
        return (pair for pair in super().read(after, until) if pair[0] != until)


class BeginsWithTheBound(Memory):
    def read(self, after, until):
        return super().read(None if after is None else after - 1, until)


class ForgetsTheLowerBound(Memory):
    def read(self, after, until):
        return super().read(None, until)


class GivesAList(Memory):
    def read(self, after, until):
        return list(super().read(after, until))


class GoesBackwards(Memory):
    def read(self, after, until):
        return reversed(list(super().read(after, until)))


class HasKeysThatCannotBeStored(Memory):
    def read(self, after, until):
        return ((Odd(key), value) for key, value in super().read(after, until))


class Odd(int):
    pass


class SaysTooLowALast(Memory):
    def last(self):
        return super().last() - 1


class NeverSplits(Memory):
    def split(self, after, until, shards):
        return iter(())


class SplitsFromTheBeginningAgain(Memory):
    def split(self, after, until, shards):
        return super().split(None, until, shards)


class SplitsEverFiner(Memory):
    def split(self, after, until, shards):
        yield from range((after or 0) + 1, until, max(1, (until - (after or 0)) // shards))


class ChangesItsFingerprint(Memory):
    def fingerprint(self, after, until):
        self.asked = getattr(self, "asked", 0) + 1
        return str(self.asked)


def broken(source, kind=SourceSuite):
    """The names of the suite's tests that fail for a source."""
    suite = kind()
    for name in filter(lambda name: name.startswith("test_"), dir(suite)):
        test = getattr(suite, name)
        wanted = test.__code__.co_varnames[1 : test.__code__.co_argcount]
        try:
            records = list(source.read(None, None))
            given = {"source": source, "records": records, "expected": None}
            test(**{argument: given[argument] for argument in wanted})
        except Exception:
            yield name


RECORDS = [(n, n) for n in range(1, 101)]


def test_what_keeps_the_contract_passes():
    assert list(broken(Memory(RECORDS))) == []


@pytest.mark.parametrize(
    "kind", [kind for kind in Memory.__subclasses__() if kind.__module__ == __name__]
)
def test_what_breaks_the_contract_is_found(kind):
    assert list(broken(kind(RECORDS))), "the suite is blind to it"


def test_a_fingerprint_that_tells_nothing_is_found():
    class Promises(SourceSuite):
        fingerprints = True

        def change(self, source):
            pass

    class Dull(Memory):
        def fingerprint(self, after, until):
            return "same"

    assert list(broken(Dull(RECORDS), Promises)) == ["test_a_fingerprint_tells_a_change"]
