"""What a mapper emits is held alike, be it taken over pair by pair as it comes or kept first."""

import json
from collections import Counter
from dataclasses import replace
from itertools import repeat

import pytest
from faults import Clock
from hypothesis import given
from hypothesis import strategies as st
from slices import groups, map_task, mapped, recipe

import httpmr
from httpmr import testing
from httpmr.budget import Budget
from httpmr.engine import run_slice
from httpmr.engine.scale import ENOUGH
from httpmr.sources import Memory
from httpmr.stores import MemoryStore

FORMS = {
    "zip": lambda pairs: zip([key for key, _ in pairs], [value for _, value in pairs], strict=True),
    "items": lambda pairs: dict(pairs).items(),
    "list": list,
    "generator": iter,
}
"""Ways in which a mapper gives its pairs; of the first two it is known that they are tuples."""

emissions = st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 9)), max_size=6)


def ways(mapper, values, **options):
    """Return what the mapper comes to by a zip of its pairs, and by a list of them."""

    def made(give):
        return mapped(lambda key, value: give(list(mapper(key, value))), values, **options)

    return made(FORMS["zip"]), made(FORMS["list"])


@given(st.lists(st.tuples(st.sampled_from(sorted(FORMS)), emissions), min_size=1, max_size=60))
def test_every_form_gives_the_same_in_the_same_order(records):
    expected = {}
    for number, (form, pairs) in enumerate(records):
        for key, value in dict(pairs).items() if form == "items" else pairs:
            expected.setdefault(key, []).append((number, value))

    def mapper(number, record):
        form, pairs = record
        return FORMS[form]([(key, (number, value)) for key, value in pairs])

    outcome = mapped(mapper, records)
    assert dict(groups(outcome).get(0, [])) == expected
    assert (outcome.done, outcome.records) == (True, len(records))


class TestAMapperThatFails:
    @pytest.mark.parametrize("at", [0, 1, 40, 99])
    @pytest.mark.parametrize("midway", [False, True])
    def test_nothing_of_its_record_stays(self, at, midway):
        def keys(number):
            yield "before"
            if number == at:
                raise ValueError("of this record")
            yield f"k{number}"

        def mapper(number, value):
            httpmr.count("seen")
            return zip(keys(number) if midway else list(keys(number)), repeat(number))

        outcome = mapped(mapper, range(100))
        assert (outcome.records, outcome.bad.key, outcome.counters.get("seen", 0)) == (at, at, at)
        found = dict(groups(outcome).get(0, []))
        assert found == {
            **({"before": list(range(at))} if at else {}),
            **{f"k{number}": [number] for number in range(at)},
        }

    @pytest.mark.parametrize(
        ("wrong", "told"),
        [
            (lambda: ["ab", "cd"], "yield (key, value) pairs"),
            (lambda: iter(["ab"]), "yield (key, value) pairs"),
            (lambda: zip("ab", "cd", "ef", strict=True), "yield (key, value) pairs"),
            (lambda: zip([[1]], [2], strict=True), "cannot be a key"),
            (lambda: zip([object()], [2], strict=True), "cannot be stored"),
            (lambda: zip("a", [object()], strict=True), "cannot be stored"),
            (lambda: {"a": 1}, "yield (key, value) pairs"),
            (lambda: None, "yield (key, value) pairs"),
        ],
    )
    def test_what_cannot_be_held_is_put_down_to_the_record_that_gave_it(self, wrong, told):
        def mapper(number, value):
            return wrong() if number == 70 else zip("ab", repeat(number))

        made = recipe(mapper, Memory({n: n for n in range(100)}))
        task, held = map_task(until=99), Counter()
        while True:
            outcome = run_slice(made, task, MemoryStore(), Budget())
            for key, values in groups(outcome).get(0, []):
                held[key] += len(values)
            if outcome.bad:
                break
            task = replace(task, cursor=outcome.cursor, notes=outcome.notes)
        assert outcome.bad.key == 70 and told in outcome.bad.message
        assert held == {"a": 70, "b": 70}


class TestHowMuchIsHeld:
    def test_it_stops_in_time_however_the_pairs_come(self):
        for outcome in ways(lambda k, v: [(k, b"x" * 100_000)], range(1000)):
            assert outcome.why == "size"
            assert ENOUGH < outcome.records * 100_000 < ENOUGH * 5 / 4

    @pytest.mark.parametrize(
        "sizes", [[20_000, 0], [0, 20_000], [5_000] * 4 + [0]], ids=["large first", "last", "most"]
    )
    def test_what_a_key_has_besides_its_last_value_weighs_too(self, sizes):
        for outcome in ways(lambda k, v: [(k, b"x" * size) for size in sizes], range(1000)):
            assert outcome.why == "size"
            assert ENOUGH / 2 < outcome.records * 20_000 < ENOUGH * 2

    def test_a_record_that_emits_much_more_than_those_before_it_is_the_last_one(self):
        def mapper(number, value):
            return [((number, n), "x" * 100) for n in range(40_000 if number >= 500 else 1)]

        for outcome in ways(mapper, range(600)):
            assert outcome.why == "size" and 502 <= outcome.records < 530

    @pytest.mark.parametrize("other", ["list", "generator"])
    def test_a_mapper_that_gives_now_this_now_that_is_asked_once_for_each_record(self, other):
        calls = []

        def mapper(number, value):
            calls.append(number)
            return FORMS[other]([]) if number % 7 == 5 else zip("a", repeat(number))

        outcome = mapped(mapper, range(600), records=300)
        assert (outcome.records, outcome.why) == (300, "records")
        assert calls == list(range(300))
        assert groups(outcome)[0] == [("a", [n for n in range(300) if n % 7 != 5])]

    def test_records_are_mapped_while_there_is_time(self):
        for form in ("zip", "list"):
            clock = Clock()

            def mapper(number, value, form=form, clock=clock):
                clock.pass_(0.01)
                return FORMS[form]([(number % 7, number)])

            made = recipe(mapper, Memory({n: n for n in range(1000)}))
            budget = Budget(seconds=1.0, clock=clock)
            outcome = run_slice(made, map_task(until=999), MemoryStore(), budget)
            assert 95 <= outcome.records <= 100 and outcome.why == "seconds"
            held = dict(groups(outcome)[0])
            assert sum(map(len, held.values())) == outcome.records


def test_as_json_lines_they_come_to_the_same(tmp_path):
    """A whole job, from a file to the groups, by mappers of either form."""
    path = tmp_path / "documents.jsonl"
    texts = [" ".join(f"w{n * k % 31}" for k in range(1, 9)) for n in range(40)]
    path.write_text("".join(json.dumps({"id": n, "text": t}) + "\n" for n, t in enumerate(texts)))

    def index(form):
        def mapper(key, document):
            words = sorted(set(document["text"].split()))
            return FORMS[form]([(word, document["id"]) for word in words])

        return httpmr.Master(
            "index",
            source=httpmr.sources.JSONLines(str(path)),
            mapper=mapper,
            reducer=lambda key, values: [(key, list(values))],
        )

    expected = {}
    for number, text in enumerate(texts):
        for word in set(text.split()):
            expected.setdefault(word, []).append(number)
    for form in FORMS:
        job = testing.run(index(form))
        assert dict(job.output()) == expected
