"""What a task remembers of when it was worked on, and by whom."""

from faults import Clock
from jobslib import carried, made

from httpmr.budget import Budget
from httpmr.ledger.pulse import DRIVERS, SPANS, seen, spent


def test_the_latest_drivers_are_remembered():
    drivers = {}
    for when, driver in enumerate("abcdefaf"):
        drivers = seen(drivers, driver, float(when))
    assert len(drivers) == DRIVERS
    assert drivers == {"d": 3.0, "e": 4.0, "a": 6.0, "f": 7.0}


def test_no_record_and_no_second_is_lost_when_spans_are_joined():
    spans = []
    for n in range(1000):
        spans = spent(spans, float(n), n + 0.5, n)
    assert len(spans) == 3 * SPANS
    assert sum(spans[2::3]) == sum(range(1000))
    assert (spans[0], spans[-2]) == (0.0, 999.5)
    assert all(a < b for a, b in zip(spans[0::3], spans[1::3], strict=True))
    assert all(b <= a for b, a in zip(spans[1::3], spans[3::3], strict=False))


def test_a_long_gap_stays_a_gap():
    spans = []
    for n in range(50):
        spans = spent(spans, float(n), n + 0.5, 1)
    for n in range(50):
        spans = spent(spans, 10_000.0 + n, 10_000.5 + n, 1)
    gaps = [after - before for before, after in zip(spans[1::3], spans[3::3], strict=False)]
    assert max(gaps) == 10_000.0 - 49.5


def test_spans_of_a_job_are_those_of_its_slices():
    clock = Clock()
    jobs = made(records=20, clock=clock, num_mappers=1)
    jobs.stepper({}).clock = clock  # what times the slices
    job = jobs.start()
    began = clock.now
    while job.record.phase == "split":
        jobs.step(job.id)
    clock.pass_(5)
    for driver in ("wget", "browser"):
        jobs.step(job.id, budget=Budget.records(4), driver=driver)
        clock.pass_(100)
    [task] = job.shards()
    assert task.spans == [began + 5, began + 5, 4, began + 105, began + 105, 4]
    assert task.drivers == {"wget": began + 5, "browser": began + 105}
    carried(jobs, job)
    assert job.state == "done"


def test_a_record_that_is_mapped_again_is_not_counted_again():
    def mapper(key, value):
        if key == 3 and broken:
            raise LookupError
        return [(key, value)]

    broken = True
    jobs = made(mapper, max_bad_records=1, reducer=lambda k, v: [(k, 0)], version="1")
    job = carried(jobs, jobs.start())
    broken = False
    jobs.retry(job.id)
    carried(jobs, job)
    mapped = jobs.ledger.tasks(
        job.record.__class__(**{**job.record.plain(), "phase": "map"}), "done"
    )
    assert sum(sum(task.spans[2::3]) for task in mapped) == 9
