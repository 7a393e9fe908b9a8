"""The records, and the table of what may become of a job."""

import dataclasses

import pytest

from httpmr import codec
from httpmr.state import ENDED, PHASES, TRANSITIONS, Bad, Job, Outcome, Task, after, replace

JOB = Job("abc-1", "words", {"n": 1}, shards=8, partitions=4, last=("path", 99))
TASK = Task("abc-1", "map", (3, -1), marks=(1, "a"), cursor=("k", None), notes={"most": 2})


class TestTransitions:
    def test_they_lead_to_known_states_only(self):
        for state, events in TRANSITIONS.items():
            assert {*events.values()} <= TRANSITIONS.keys(), state

    def test_what_has_ended_stays_so_unless_it_is_retried(self):
        assert set(ENDED) <= TRANSITIONS.keys()
        for state in ENDED:
            events = {event: to for event, to in TRANSITIONS[state].items() if event != "retry"}
            assert {*events.values()} <= {state}
        assert [state for state in TRANSITIONS if after(state, "retry")] == ["done"]

    def test_what_has_not_ended_can_be_cancelled(self):
        for state in TRANSITIONS.keys() - {*ENDED}:
            assert after(state, "cancel") == "cancelled"

    def test_every_state_can_be_reached(self):
        reached, waiting = set(), ["running"]
        while waiting:
            state = waiting.pop()
            if state not in reached:
                reached.add(state)
                waiting += TRANSITIONS[state].values()
        assert reached == TRANSITIONS.keys()

    def test_what_does_not_fit_is_none(self):
        assert after("done", "pause") is None
        assert after("running", "resume") is None
        assert after("running", "no such event") is None

    def test_a_state_that_is_none_is_a_mistake(self):
        with pytest.raises(KeyError):
            after("asleep", "pause")


@pytest.mark.parametrize("record", [JOB, TASK], ids=["job", "task"])
class TestRecords:
    def test_they_come_back_from_what_is_stored(self, record):
        stored = codec.dumps(record.plain())
        again = type(record).of(codec.loads(stored), stored)
        assert again == record
        assert again.stored == stored

    def test_the_same_record_is_the_same_bytes(self, record):
        """A compare-and-set compares them."""
        again = type(record).of(codec.loads(codec.dumps(record.plain())))
        assert codec.dumps(again.plain()) == codec.dumps(record.plain())

    def test_fields_of_a_newer_format_are_passed_over(self, record):
        assert type(record).of({**record.plain(), "newer": 1}) == record

    def test_fields_that_an_older_format_has_not_are_what_they_are_at_first(self, record):
        older = record.plain()
        name = next(f.name for f in dataclasses.fields(record) if f.default == 0)
        del older[name]
        assert type(record).of(older) == dataclasses.replace(record, **{name: 0})

    def test_replaced_they_are_what_dataclasses_make_of_them(self, record):
        stored = dataclasses.replace(record, stored=b"x")
        fields = {f.name: 9 for f in dataclasses.fields(record)[2:4]}
        assert replace(stored, **fields) == dataclasses.replace(stored, **fields)
        assert replace(stored, **fields).stored == b"x"
        assert stored == record

    def test_they_are_frozen(self, record):
        with pytest.raises(dataclasses.FrozenInstanceError):
            record.phase = "map"

    def test_how_it_was_stored_is_no_part_of_it(self, record):
        assert "stored" not in record.plain()
        assert dataclasses.replace(record, stored=b"x") == record
        assert "stored" not in repr(record)


def test_a_new_job_runs_its_first_phase():
    assert (JOB.state, JOB.phase) == ("running", PHASES[0])


def test_an_outcome_says_nothing_by_default():
    outcome = Outcome()
    assert not (outcome.done or outcome.bad or outcome.pause or outcome.fail or outcome.past)


def test_bad_is_plain_data():
    bad = Bad(key=("a", 1), message="no", traceback="Traceback")
    assert vars(bad) == {
        "key": ("a", 1),
        "message": "no",
        "traceback": "Traceback",
        "kind": "record",
    }
