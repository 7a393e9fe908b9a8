"""The garbage collector: it rests while a slice is at work, and is left as it was."""

import gc
import weakref

import pytest
from jobslib import carried, made

from httpmr import collector


@pytest.fixture(params=[True, False])
def on(request):
    was = gc.isenabled()
    (gc.enable if request.param else gc.disable)()
    yield request.param
    (gc.enable if was else gc.disable)()


def test_it_rests_meanwhile_however_nested_and_is_left_as_it_was(on):
    @collector.resting()
    def nested(depth):
        seen.append(gc.isenabled())
        if depth:
            nested(depth - 1)
        seen.append(gc.isenabled())

    seen = []
    nested(2)
    nested(0)
    assert seen == [False] * 8
    assert gc.isenabled() == on


def test_it_is_left_as_it_was_by_what_ends_the_process_too(on):
    with pytest.raises(KeyboardInterrupt), collector.resting():
        raise KeyboardInterrupt
    assert gc.isenabled() == on


def test_it_rests_in_a_slice_of_any_phase(on):
    def noted(key, value):
        seen.append(gc.isenabled())
        return [(key, value)]

    seen = []
    jobs = made(mapper=noted, reducer=lambda key, values: noted(key, list(values)))
    carried(jobs, jobs.start())
    assert seen == [False] * 20
    assert gc.isenabled() == on


class Ring:
    """What only the collector removes."""

    def __init__(self):
        self.ring = self


@pytest.mark.parametrize("ended", [31, 32])
def test_garbage_goes_where_calls_are_never_all_over(on, ended):
    ring = weakref.ref(Ring())
    with collector.resting():
        for _ in range(ended):
            with collector.resting():
                pass
        assert (ring() is None) == (on and ended == 32)
    gc.collect()
