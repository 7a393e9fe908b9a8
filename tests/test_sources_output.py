"""The output of one recipe as the input of the next."""

import pytest
from jobslib import carried, made, words

from httpmr.errors import InputError, RecipeError
from httpmr.sinks import Memory as Nowhere
from httpmr.sources import Output
from httpmr.stores import MemoryStore
from httpmr.testing.sources import SourceSuite

LINES = {n: f"a{n % 3} b{n % 7} {'c' * (n % 2)}" for n in range(40)}


def listed(key, values):
    for value in values:
        yield key, value


class Work:
    """What a Master has of its jobs."""

    def __init__(self, mapper=words, records=LINES, **settings):
        self.work = made(mapper=mapper, records=records, reducer=listed, **settings)

    def done(self, records=3):
        return carried(self.work, self.work.start(), records)


class TestOutput(SourceSuite):
    fingerprints = True

    @pytest.fixture
    def source(self):
        self.well = False
        self.made = Work(self.words, max_bad_records=1)
        self.made.done()
        return Output(self.made)

    def words(self, key, line):
        if key == 39 and not self.well:
            raise ValueError("not today")
        return words(key, line)

    @pytest.fixture
    def expected(self, source):
        return places(self.made.work.latest(), dict(list(LINES.items())[:39]))

    def change(self, source):
        self.well = True
        work = self.made.work
        job = work.latest()
        work.retry(job.id)
        carried(work, job)


def places(job, lines):
    found = {}
    for n, line in lines.items():
        for word in line.split():
            found.setdefault(word, []).append(n)
    return [
        ((job.id, word, at), (word, n))
        for word in sorted(found)
        for at, n in enumerate(found[word])
    ]


def test_it_is_that_of_the_newest_job_until_it_began():
    before = Work()
    old = before.done()
    source = Output(before)
    last = source.last()
    new = before.done()
    assert {place[0] for place, _ in source.read(None, last)} == {old.id}
    assert {place[0] for place, _ in source.read(None, source.last())} == {new.id}


def test_of_a_job_that_gave_nothing_there_is_nothing():
    before = Work(lambda key, line: [])
    before.done()
    source = Output(before)
    assert list(source.read(None, source.last())) == []
    assert list(source.split(None, source.last(), 4)) == []


def test_where_no_job_is_done_it_says_so():
    before = Work()
    before.work.start()
    with pytest.raises(InputError, match="the recipe r has no job that is done: run it first"):
        Output(before).last()


def test_where_the_output_is_elsewhere_it_says_so():
    before = Work(sink=Nowhere())
    before.done()
    with pytest.raises(InputError, match=r"has no output to read: .*Memory"):
        Output(before).last()


def test_where_the_job_was_deleted_meanwhile_it_says_so():
    before = Work()
    job = before.done()
    source = Output(before)
    last = source.last()
    reading = source.read(None, last)
    next(reading)
    before.work.delete(job.id)
    for act in (source.read(None, last).__next__, lambda: source.fingerprint(None, last)):
        with pytest.raises(InputError, match=f"the job {job.id} of r, .* was deleted"):
            act()


def test_it_is_of_a_master():
    with pytest.raises(RecipeError, match="what another Master keeps, not 'words'"):
        Output("words")


@pytest.mark.parametrize("records", [1, 5])
def test_a_job_over_it_may_be_cut_anywhere(records):
    store = MemoryStore()
    before = Work(store=store)
    before.done()
    after = made(
        mapper=lambda place, pair: [(pair[1], pair[0])],
        source=Output(before),
        store=store,
        name="after",
        num_mappers=3,
    )
    job = carried(after, after.start(), records)
    expected = sorted((n, word) for n, line in LINES.items() for word in line.split())
    assert sorted(job.output()) == expected
