"""A small source beside another: loaded once, and watched."""

import os
import threading

import pytest

import httpmr
from httpmr import reducers, sources, testing
from httpmr.budget import Budget
from httpmr.errors import InputError, RecipeError
from httpmr.jobs import Jobs
from httpmr.sources import Chain, Lookup, Memory
from httpmr.stores import MemoryStore
from httpmr.testing.sources import SourceSuite

FLIGHTS = {n: {"plane": f"N{n % 4}", "from": f"A{n % 3}"} for n in range(1, 41)}
PLANES = {f"N{n}": {"seats": 10 * n} for n in range(4)}


class Counted(Memory):
    """Records that count how often they are read; and may be given anew."""

    reads = 0
    told = None

    def read(self, after, until):
        self.reads += 1
        return super().read(after, until)

    def give(self, records):
        vars(self).update(vars(Memory(records)))

    def fingerprint(self, after, until):
        return self.told


class TestLookup(SourceSuite):
    fingerprints = True

    @pytest.fixture
    def source(self):
        return Lookup(Memory(FLIGHTS), Counted(PLANES))

    @pytest.fixture
    def expected(self):
        return [(n, (flight, PLANES)) for n, flight in FLIGHTS.items()]

    def change(self, source):
        source.sources[1].give({**PLANES, "N9": {"seats": 1}})


class TestLookupInFiles(SourceSuite):
    splits = False  # a file of CSV is not
    fingerprints = True

    @pytest.fixture
    def source(self, tmp_path):
        (tmp_path / "flights.csv").write_text(
            "id,plane\n" + "".join(f"{n},N{n % 4}\n" for n in range(30))
        )
        (tmp_path / "planes.csv").write_text("tail,seats\nN0,0\nN1,10\nN2,20\nN3,30\n")
        self.planes = tmp_path / "planes.csv"
        flights, planes = (sources.CSVFiles(tmp_path / f"{n}.csv") for n in ("flights", "planes"))
        return Lookup(Chain([flights]), planes, by="tail")

    def change(self, source):
        self.planes.write_text("tail,seats\nN0,1\nN1,10\nN2,20\nN3,30\n")
        os.utime(self.planes, ns=(1, 1))


def seats(key, value):
    flight, planes = value
    yield flight["from"], planes[flight["plane"]]["seats"]


def master(small, **options):
    return httpmr.Master(
        "seats",
        source=Lookup(Memory(FLIGHTS), small, **options),
        mapper=seats,
        reducer=reducers.Sum(),
        store="memory:",
        num_mappers=2,
    )


def total():
    found = {}
    for flight in FLIGHTS.values():
        found[flight["from"]] = found.get(flight["from"], 0) + PLANES[flight["plane"]]["seats"]
    return found


def test_a_whole_job_may_be_cut_after_each_record():
    assert dict(testing.run(master(Memory(PLANES))).output()) == total()


def test_by_gives_other_keys():
    rows = Memory(enumerate({"tail": tail, **row} for tail, row in PLANES.items()))
    for by in ("tail", lambda key, row: row["tail"]):
        (_, (_, table)), *_ = Lookup(Memory(FLIGHTS), rows, by=by).read(None, None)
        assert table["N2"] == {"tail": "N2", "seats": 20}


def test_several_tables_are_a_chain():
    small = Chain({"planes": Memory(PLANES), "airports": Memory({"A1": "Newark"})})
    (_, (_, table)), *_ = Lookup(Memory(FLIGHTS), small).read(None, None)
    assert (table["planes", "N1"], table["airports", "A1"]) == ({"seats": 10}, "Newark")


def test_a_table_cannot_be_written():
    (_, (_, table)), *_ = Lookup(Memory(FLIGHTS), Memory(PLANES)).read(None, None)
    with pytest.raises(TypeError):
        table["N1"] = None


# Loaded once, and never another in the middle


def test_a_source_with_a_fingerprint_is_loaded_once_until_it_changes():
    small = Counted(PLANES)
    small.told = "one"
    source = Lookup(Memory(FLIGHTS), small)
    for _ in range(3):
        source.last()
        source.fingerprint(None, 40)
        list(source.read(None, 40))
    thread = threading.Thread(target=lambda: list(source.read(None, None)))
    thread.start()
    thread.join()
    assert small.reads == 1
    small.told = "two"
    source.last()
    assert small.reads == 2


def test_one_without_is_read_again_where_a_slice_begins_and_its_table_kept():
    small = Counted(PLANES)
    source = Lookup(Memory(FLIGHTS), small)
    (_, (_, table)), *_ = source.read(None, None)
    source.fingerprint(None, None)
    (_, (_, again)), *_ = source.read(None, None)
    assert small.reads == 2
    assert again is table


def test_a_job_whose_table_changes_pauses_until_it_is_put_back():
    small = Counted(PLANES)
    jobs = Jobs(master(small).recipe, MemoryStore())
    job = jobs.start()
    while jobs.step(job.id, budget=Budget.records(3)).job.phase == "split":
        pass
    small.give({**PLANES, "N1": {"seats": 11}})
    assert jobs.step(job.id, budget=Budget.records(3)).job.state == "paused"
    assert "is not what it was when the job began" in job.status()["error"]
    small.give(PLANES)
    jobs.resume(job.id)
    while jobs.step(job.id).job.state == "running":
        pass
    assert dict(job.output()) == total()
    small.give({**PLANES, "N1": {"seats": 11}})
    after = jobs.start()
    while jobs.step(after.id).job.state == "running":
        pass
    assert after.state == "done", "a new job takes what is there now"
    assert dict(after.output()) != total()


def test_a_slice_keeps_its_table_whatever_another_thread_loads():
    small = Counted(PLANES)
    source = Lookup(Memory(FLIGHTS), small)
    source.fingerprint(None, None)
    small.give({**PLANES, "N1": {"seats": 11}})
    other = []
    thread = threading.Thread(target=lambda: other.extend(source.read(None, None)))
    thread.start()
    thread.join()
    (_, (_, table)), *_ = source.read(5, None)
    assert table["N1"] == {"seats": 10}
    assert other[0][1][1]["N1"] == {"seats": 11}


def test_one_that_changes_while_it_is_loaded_is_asked_again_later():
    class Changes(Counted):
        def fingerprint(self, after, until):
            return f"read {self.reads} times"

    with pytest.raises(httpmr.HttpmrError, match=r"changed while it was read: try again"):
        Lookup(Memory(FLIGHTS), Changes(PLANES)).last()


# What cannot be looked up


@pytest.mark.parametrize(
    "small, options, told",
    [
        (PLANES, {"most": 3}, "more than 3 records: join it by sources.Chain and reducers.Join"),
        (PLANES, {"by": lambda key, row: 1}, "two records for 1: let by= give each its own"),
        (PLANES, {"by": "tail"}, "at 'N0' nothing to look up by .*KeyError: 'tail'.*: mend by="),
        (PLANES, {"by": lambda key, row: row}, "unhashable.*: mend by="),
        ({1: object()}, {}, "give that source a fingerprint"),
    ],
)
def test_what_is_no_table_is_told(small, options, told):
    with pytest.raises(InputError, match=told) as caught:
        Lookup(Memory(FLIGHTS), Memory(small), **options).last()
    assert "\n" not in str(caught.value)


def test_what_is_no_lookup_is_told():
    one = Memory()
    for args, options in (((one, PLANES), {}), (("x", one), {}), ((one, one), {"by": 5})):
        with pytest.raises(RecipeError, match=r"^Lookup"):
            Lookup(*args, **options)
    for most in (0, True, "many"):
        with pytest.raises(RecipeError, match="most is a whole number"):
            Lookup(one, one, most=most)
    assert repr(Lookup(one, one, by="x")) == "Lookup(Memory([]), Memory([]), by='x')"
