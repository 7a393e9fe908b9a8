"""A recipe that cannot work fails where it is written, and says what would be right."""

from datetime import date
from decimal import Decimal
from zlib import crc32

import pytest

from httpmr import keys, reducers
from httpmr.errors import RecipeError
from httpmr.interfaces import Mapper, Partitioner, Reducer, Sink, Source
from httpmr.recipe import MOST_PARTITIONS, MOST_SHARDS, Crc32Partitioner, Recipe


class Lines(Source):
    def read(self, after, until):
        return iter(())


class Out(Sink):
    pass


class Words(Mapper):
    def map(self, key, value):
        return []


class Total(Reducer):
    def reduce(self, key, values):
        yield key, sum(values)


class TotalCombined(Total):
    def combine(self, key, values):
        return sum(values)


class Even(Partitioner):
    def partition(self, key, partitions):
        return 0


def made(**changed):
    return Recipe(**{"name": "r", "source": Lines(), "mapper": Words(), "sink": Out()} | changed)


def function(*args):
    return None


WRONG = {
    "a name that is none": ({"name": 7}, "a recipe's name is a str of 1 to 200 bytes, not 7"),
    "an empty name": ({"name": ""}, "1 to 200 bytes, not ''"),
    "a long name": ({"name": "é" * 101}, "1 to 200 bytes"),
    "a source that is none": ({"source": "books/*.txt"}, "source= must be a Source, such as "),
    "a source's class": ({"source": Lines}, "source= is the class Lines; pass one made of it"),
    "no source": ({"source": None}, "source= must be a Source"),
    "a sink that is none": ({"sink": print}, "sink= must be a Sink, such as sinks.Stored()"),
    "a sink's class": ({"sink": Out}, "sink= is the class Out; pass one made of it"),
    "no mapper": ({"mapper": None}, "a Master needs mapper=: an object with map(key, value)"),
    "a mapper's class": ({"mapper": Words}, "mapper= is the class Words; pass Words()"),
    "a mapper that is none": ({"mapper": 7}, "mapper= needs a method map, or be a function, not 7"),
    "a reducer's class": ({"reducer": Total}, "reducer= is the class Total; pass Total()"),
    "a reducer that is none": ({"reducer": "sum"}, "reducer= needs a method reduce, or be a "),
    "a reducer without a method": ({"reducer": Reducer()}, "reducer= needs a method reduce"),
    "a partitioner's class": ({"partitioner": Even}, "partitioner= is the class Even; pass Even()"),
    "a partitioner that is none": ({"partitioner": 4}, "partitioner= needs a method partition, or"),
    "a combiner's class": (
        {"combiner": TotalCombined, "reducer": Total()},
        "combiner= is the class TotalCombined; pass TotalCombined()",
    ),
    "a combiner that is none": (
        {"combiner": 5, "reducer": Total()},
        "combiner= needs a method combine(key, values) that returns one value, or be such a ",
    ),
    "a combiner that does not combine": (
        {"combiner": Total(), "reducer": Total()},
        "combiner= needs a method combine(key, values)",
    ),
    "an order of values that is none": (
        {"sort_values": "day", "reducer": Total()},
        "sort_values= is True, or a function (value) -> what to sort by, not 'day'",
    ),
    "an order of values without a reducer": (
        {"sort_values": True},
        "sort_values= needs a reducer=",
    ),
    "an order of values that are combined": (
        {"sort_values": True, "reducer": TotalCombined()},
        "leave one of them out",
    ),
    "a combiner without a reducer": (
        {"combiner": function},
        "combiner= needs a reducer=: a map-only job groups nothing",
    ),
    "no mappers": ({"num_mappers": 0}, "num_mappers= must be 1 to 1,000, not 0"),
    "too many mappers": ({"num_mappers": MOST_SHARDS + 1}, "num_mappers= must be 1 to 1,000, not"),
    "half a mapper": ({"num_mappers": 2.5}, "num_mappers= must be 1 to 1,000, not 2.5"),
    "a bool": ({"num_mappers": True}, "num_mappers= must be 1 to 1,000, not True"),
    "no reducers": ({"num_reducers": 0}, "num_reducers= must be 1 to 100, not 0"),
    "too many reducers": ({"num_reducers": MOST_PARTITIONS + 1}, "num_reducers= must be 1 to 100"),
    "no time": ({"slice_seconds": 0}, "slice_seconds= must be 0.01 to 3,600, not 0"),
    "no number of seconds": ({"slice_seconds": float("nan")}, "slice_seconds= must be 0.01 to"),
    "seconds as text": ({"slice_seconds": "2"}, "slice_seconds= must be 0.01 to 3,600, not '2'"),
    "bad records below 0": ({"max_bad_records": -1}, "max_bad_records= must be 0 to 1,000,000,000"),
    "keeping nothing": ({"keep": 0}, "keep= must be 1 to 1,000,000, not 0"),
    "no lanes": ({"max_lanes": 0}, "max_lanes= must be 1 to 1,000, not 0"),
    "half a lane": ({"max_lanes": 1.5}, "max_lanes= must be 1 to 1,000, not 1.5"),
    "lanes as text": ({"max_lanes": "2"}, "max_lanes= must be 1 to 1,000, not '2'"),
}


@pytest.mark.parametrize("why", WRONG)
def test_what_cannot_work_is_refused_in_one_line(why):
    changed, message = WRONG[why]
    with pytest.raises(RecipeError) as caught:
        made(**changed)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_long_value_does_not_flood_the_message():
    with pytest.raises(RecipeError) as caught:
        made(source="x" * 10_000)
    assert len(str(caught.value)) < 300


class TestWhatIsMade:
    def test_defaults(self):
        recipe = made()
        assert (recipe.num_mappers, recipe.num_reducers) == (8, 4)
        assert (recipe.slice_seconds, recipe.max_bad_records, recipe.keep) == (2.0, 0, 10)
        assert recipe.reducer is recipe.combine is recipe.max_lanes is None
        assert isinstance(recipe.partitioner, Crc32Partitioner)

    def test_functions_become_what_they_stand_for(self):
        recipe = made(
            mapper=lambda key, value: [(key, value)],
            reducer=lambda key, values: [(key, sum(values))],
            combiner=lambda key, values: sum(values),
            partitioner=lambda key, n: 1,
        )
        assert recipe.mapper.map(1, 2) == [(1, 2)]
        assert recipe.reducer.reduce("k", iter([1, 2])) == [("k", 3)]
        assert recipe.combine("k", iter([1, 2])) == 3
        assert recipe.partitioner.partition("k", 4) == 1
        assert isinstance(recipe.mapper, Mapper) and isinstance(recipe.partitioner, Partitioner)

    def test_wrapped_functions_are_shown_by_name(self):
        recipe = made(mapper=function, reducer=function, partitioner=function)
        shown = {repr(getattr(recipe, name)) for name in ("mapper", "reducer", "partitioner")}
        assert shown == {"function"}

    def test_what_has_the_method_is_enough(self):
        class Duck:
            def map(self, key, value):
                return []

            def reduce(self, key, values):
                return []

            def partition(self, key, n):
                return 0

        duck = Duck()
        recipe = made(mapper=duck, reducer=duck, partitioner=duck)
        assert recipe.mapper is recipe.reducer is recipe.partitioner is duck

    def test_a_reducer_that_combines_is_its_own_combiner(self):
        assert made(reducer=TotalCombined()).combine("k", iter([1, 2])) == 3
        assert made(reducer=Total()).combine is None

    def test_a_combiner_that_is_given_wins(self):
        recipe = made(reducer=TotalCombined(), combiner=lambda key, values: max(values))
        assert recipe.combine("k", iter([1, 2])) == 2
        assert made(reducer=Total(), combiner=TotalCombined()).combine("k", iter([1, 2])) == 3

    def test_it_is_frozen(self):
        with pytest.raises(AttributeError):
            made().name = "other"


class TestCrc32Partitioner:
    def test_it_is_the_same_in_every_process_for_ever(self):
        partition = Crc32Partitioner().partition
        assert partition("word", 1000) == crc32(b"word") % 1000
        assert partition(b"word", 1000) == crc32(b"word") % 1000
        assert partition("é\udc80", 1000) == crc32(b"\xc3\xa9\xed\xb2\x80") % 1000
        assert partition((1, "a"), 1000) == crc32(keys.pack((1, "a"))) % 1000

    def test_equal_keys_go_to_one_partition(self):
        partition = Crc32Partitioner().partition
        for equal in ([1, 1.0, True, Decimal("1.0")], [(0, None), (0.0, None), (False, None)]):
            assert len({partition(key, 97) for key in equal}) == 1

    def test_it_uses_all_partitions(self):
        partition = Crc32Partitioner().partition
        some = [*map(str, range(500)), *range(500), date(2020, 1, 1)]
        assert {partition(key, 7) for key in some} == set(range(7))


def test_a_tally_goes_with_the_combine_of_its_own_class():
    class Doubled(reducers.Sum):
        def combine(self, key, values):
            return 2 * super().combine(key, values)

    class Named(reducers.Sum):
        pass

    def tally(**settings):
        return made(**settings).tally

    assert tally(reducer=reducers.Sum()) and tally(reducer=Named())
    assert tally(reducer=Doubled()) is None
    assert tally(reducer=reducers.Sum(), combiner=Doubled()) is None
    assert tally(reducer=reducers.Sum(), combiner=lambda key, values: 1) is None
    assert tally(reducer=Doubled(), combiner=reducers.Sum())
    assert tally() is None
