"""`httpmr.testing.run`: it must find what makes a result depend on where the job is cut."""

import random

import pytest

import httpmr
from httpmr import counters, reducers, testing
from httpmr.sources import Memory
from httpmr.stores import MemoryStore

WORDS = {n: f"to be or not to {'abc'[n % 3]}" for n in range(12)}


def words(key, line):
    counters.count("lines")
    for word in line.split():
        yield word, 1


def total(key, values):
    yield key, sum(values)


def master(mapper=words, reducer=None, source=WORDS, **settings):
    source = Memory(source) if isinstance(source, dict) else source
    return httpmr.Master("w", source=source, mapper=mapper, reducer=reducer, **settings)


def test_a_job_that_is_sound_is_returned():
    store = MemoryStore()
    job = testing.run(master(reducer=reducers.Sum(), store=store))
    assert job.state == "done" and job.get("to") == [24] and job.counters == {"lines": 12}
    assert list(store.scan(b"", b"\xff")) == [], "the Master's own store is not touched"


def test_no_sink_is_written(tmp_path):
    sink = httpmr.sinks.JSONLines(str(tmp_path / "out.jsonl"))
    job = testing.run(master(reducer=reducers.Sum(), sink=sink))
    assert job.get("be") == [12] and not list(tmp_path.iterdir())


def test_values_of_a_group_come_in_order_however_it_is_cut():
    job = testing.run(
        master(lambda key, line: [(0, key)], lambda key, values: [(key, list(values))])
    )
    assert job.get(0) == [list(range(12))]


def test_a_map_many_that_gives_something_else_than_map_is_found():
    class Words(httpmr.Mapper):
        def map(self, key, line):
            return [(word, 1) for word in line.split()]

        def map_many(self, records):
            return [(word, 1) for _, line in records for word in line.split(" ")[1:]]

    with pytest.raises(AssertionError, match="by map_many"):
        testing.run(master(Words(), reducer=reducers.Sum()))


@pytest.mark.parametrize("combiner", [None, lambda key, values: max(values)])
def test_a_mapper_that_is_not_the_same_twice_is_found(combiner):
    rng = random.Random(1)

    def mapper(key, line):
        yield key % 2, rng.random()

    with pytest.raises(AssertionError, match=r"instead of .* must depend on nothing but"):
        testing.run(master(mapper, total, combiner=combiner))


def test_a_combiner_that_depends_on_what_comes_together_is_found():
    class Mean(httpmr.Reducer):
        def combine(self, key, values):
            values = list(values)
            return sum(values) / len(values)

        def reduce(self, key, values):
            yield key, self.combine(key, values)

    with pytest.raises(
        AssertionError, match=r"^cut .*, the job gives 'x': [\d.]+ instead of 'x': "
    ):
        uneven = dict.fromkeys(range(11))
        testing.run(master(lambda key, _: [("x", key)], Mean(), uneven, num_mappers=3))


def test_a_mapper_that_remembers_is_found():
    seen = []

    def mapper(key, line):
        if key not in seen:
            seen.append(key)
            counters.count("first")
        yield 1, 1

    with pytest.raises(AssertionError, match=r"its counters are .* instead of {'first': 12}"):
        testing.run(master(mapper, reducers.Sum()))


def test_a_job_that_is_not_done_says_why():
    def mapper(key, line):
        raise ValueError("what a line")

    with pytest.raises(AssertionError, match=r"the job is paused: .*what a line"):
        testing.run(master(mapper))


def test_bad_records_are_compared():
    times = []

    def mapper(key, line):
        if key == 3:
            times.append(key)
            raise ValueError(f"time {len(times)}")
        yield line, 1

    with pytest.raises(AssertionError, match="its bad_records are"):
        testing.run(master(mapper, max_bad_records=5))


def test_a_recipe_with_parameters_is_given_them():
    import dataclasses

    @dataclasses.dataclass
    class Params:
        word: str

    made = master(lambda p: lambda key, line: [(p.word, 1)], reducers.Sum(), params=Params)
    assert testing.run(made, word="x").get("x") == [12]
