"""What every sink must do. A sink's whole test file:

    class TestMySink(SinkSuite):
        @pytest.fixture
        def sink(self):
            return MySink(...)  # keys are str, values int

        def published(self, sink, job):
            return [...]  # the (key, value) pairs that readers of the output see

The suite does to the sink what an engine does, and what happens to an engine: slices are done
twice, come late, are committed out of order; `finish` is cut, repeated, and run twice at once.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest

from httpmr.budget import Budget
from httpmr.errors import Conflict, HttpmrError
from httpmr.interfaces import OrderedStore, Pair, Sink
from httpmr.stores import MemoryStore
from httpmr.testing.sink_jobs import GHOSTS, PARTS, A, Acting, B, C, Cut, D, Run, cut

GUARANTEES = ("exactly once", "staged", "keyed", "at least once")


class SinkSuite:
    """Subclass it, define the fixture `sink` and `published`, and say what the sink can do."""

    ordered = True
    """What is published is in the order (shard, slice, emission); else the order is free."""

    replaces = True
    """`published` gives the output of one job alone; else what earlier jobs left is there too."""

    fenced = True
    """A zombie may write what it likes. A sink that is but "keyed" relies on its writing what
    the one that commits does; one that is "at least once" relies on there being none."""

    @pytest.fixture
    def sink(self) -> Sink:
        raise NotImplementedError("define the fixture `sink`")

    @pytest.fixture
    def store(self) -> OrderedStore:
        """The job's store. Where a sink joins the stores of one database: such a one."""
        return MemoryStore()

    def published(self, sink: Any, job: str) -> list[Pair]:
        """Return what readers see of the job's output, as a list of pairs."""
        raise NotImplementedError("define published(sink, job)")

    @pytest.fixture
    def run(self, sink: Sink, store: OrderedStore) -> Run:
        return Run(sink, store, "suite-1")

    def assert_published(self, run: Run, *parts: Sequence[Pair]) -> None:
        found = self.published(run.sink, run.job)
        expected = [pair for part in parts for pair in part]
        if not self.ordered:
            found, expected = sorted(found), sorted(expected)
        assert found == expected

    # Before the job

    def test_says_what_it_is(self, sink: Sink) -> None:
        assert sink.guarantee in GUARANTEES
        assert "\n" not in repr(sink)

    def test_accepts_what_is_right(self, sink: Sink, store: OrderedStore) -> None:
        sink.check(store)
        assert sink.joins(store) in (True, False)

    # What is committed, and nothing else

    def test_publishes_what_was_committed(self, run: Run) -> None:
        run.commit(A, (0,), 0)
        run.commit(B, (0,), 1)
        run.commit(C, (1,), 0)
        run.finish()
        self.assert_published(run, A, B, C)

    def test_shards_and_slices_are_in_order_however_they_were_committed(self, run: Run) -> None:
        run.commit(D, (10,), 0)
        run.commit(C, (2, -1), 0)
        run.commit(A, (2,), 9)
        run.commit(B, (2,), 10)
        run.finish()
        self.assert_published(run, A, B, C, D)

    def test_a_job_without_output_publishes_that(self, run: Run) -> None:
        run.finish()
        self.assert_published(run)
        run.finish()
        self.assert_published(run)

    def test_a_slice_without_output_is_one(self, run: Run) -> None:
        run.commit((), (0,), 0)
        run.commit(A, (0,), 1)
        run.finish()
        self.assert_published(run, A)

    def test_a_slice_done_again_counts_once(self, run: Run) -> None:
        run.zombie(A, (0,), 0, epoch=1)
        run.zombie(A, (0,), 0, epoch=2)
        run.commit(A, (0,), 0, epoch=3)
        run.finish()
        self.assert_published(run, A)

    def test_a_zombie_changes_nothing(self, run: Run) -> None:
        ghosts = GHOSTS if self.fenced else A
        run.zombie(ghosts, (0,), 0, epoch=1)
        run.commit(A, (0,), 0, epoch=2)
        run.zombie(ghosts, (0,), 0, epoch=1)
        run.commit(B, (0,), 1, epoch=3)
        run.zombie(ghosts, (0,), 2, epoch=4)
        run.finish()
        self.assert_published(run, A, B)
        run.zombie(ghosts, (0,), 0, epoch=1)
        self.assert_published(run, A, B)

    def test_what_joined_a_commit_that_failed_joins_the_next(self, run: Run) -> None:
        if not run.joins:
            return
        batch = run.joined(A, (0,), 0, epoch=1)
        batch.expect(b"fence", b"as it was")
        with pytest.raises(Conflict):
            run.store.commit(batch)
        batch.expected.clear()
        run.store.commit(batch)
        run.finish()
        self.assert_published(run, A)

    # Publishing

    def test_finish_may_be_repeated(self, run: Run) -> None:
        run.commit(A, (0,), 0)
        run.commit(B, (1,), 0)
        for _ in range(3):
            run.finish()
            self.assert_published(run, A, B)

    def test_finish_goes_on_where_its_budget_ended(self, run: Run) -> None:
        run.commit_all()
        run.finish(lambda: Budget.records(1))
        self.assert_published(run, *PARTS)

    def test_finish_may_be_cut_anywhere(self, run: Run) -> None:
        run.commit_all()
        for at in range(1, len(PARTS) + 2):
            with suppress(Cut):
                run.finish(lambda: Acting(at, cut))  # noqa: B023
        run.finish()
        self.assert_published(run, *PARTS)

    @pytest.mark.parametrize("at", [1, 2, 4])
    def test_finish_may_run_twice_at_once(self, run: Run, at: int) -> None:
        run.commit_all()
        run.finish(lambda: Acting(at, run.finish))
        self.assert_published(run, *PARTS)

    @pytest.mark.parametrize("at", [1, 2, 4])
    def test_finish_may_take_turns_with_itself(self, run: Run, at: int) -> None:
        run.commit_all()
        run.finish(lambda: Acting(at, lambda: run.finish_once(Budget.records(at))))
        self.assert_published(run, *PARTS)

    # Several jobs

    def test_the_next_job_has_its_own_output(
        self, run: Run, sink: Sink, store: OrderedStore
    ) -> None:
        run.commit(A, (0,), 0)
        run.commit(B, (0,), 1)
        run.finish()
        other = Run(sink, store, "suite-2")
        other.commit(C, (0,), 0)
        other.finish()
        self.assert_published(other, *([] if self.replaces else [A, B]), C)

    def test_a_late_finish_of_the_job_before_changes_nothing(
        self, run: Run, sink: Sink, store: OrderedStore
    ) -> None:
        run.commit(A, (0,), 0)
        run.finish()
        other = Run(sink, store, "suite-2")
        other.commit(B, (0,), 0)
        other.finish()
        with suppress(HttpmrError):  # nobody waits for its answer
            run.finish()
        self.assert_published(other, *([] if self.replaces else [A]), B)

    def test_jobs_at_once_do_not_mix(self, run: Run, sink: Sink, store: OrderedStore) -> None:
        other = Run(sink, store, "suite-2")
        run.commit(A, (0,), 0)
        other.commit(C, (0,), 0)
        run.commit(B, (0,), 1)
        other.commit(D, (0,), 1)
        run.finish()
        other.finish()
        self.assert_published(other, *([] if self.replaces else [A, B]), C, D)
