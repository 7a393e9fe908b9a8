"""Records and groups that end the process, or mean to."""

import signal
import sys

import pytest
from slices import groups, mapped, put, recipe, run

from httpmr import reducers
from httpmr.state import Task
from httpmr.stores import MemoryStore


class TestSystemExit:
    """In user code it is a bad record; in a signal's handler it is the end."""

    def test_a_mapper_that_leaves_is_a_bad_record_and_says_where(self):
        def leave(key, value):
            if key == 2:
                sys.exit("enough")
            return [(key, value)]

        outcome = mapped(leave, range(5))
        assert (outcome.cursor, outcome.bad.key, outcome.bad.kind) == (1, 2, "record")
        assert outcome.bad.message.startswith("SystemExit: enough (test_engine_poison.py, line")
        assert "in leave" in outcome.bad.traceback
        assert groups(outcome) == {0: [(0, [0]), (1, [1])]}

    def test_also_in_the_middle_of_what_it_yields(self):
        def leave(key, value):
            yield key, value
            raise SystemExit(3)

        assert mapped(leave).bad.message.startswith("SystemExit: 3 (")

    def test_a_partitioner_or_a_combiner_that_leaves(self):
        assert mapped(lambda k, v: [(k, v)], partitioner=lambda key, n: sys.exit()).bad.key == 0
        settings = {"reducer": reducers.Sum(), "combiner": lambda key, values: sys.exit()}
        outcome = mapped(lambda k, v: [("a", 1), ("a", 2)], **settings)
        assert (outcome.bad.key, outcome.bad.kind) == ("a", "group")

    def test_a_reducer_that_leaves(self):
        def leave(key, values):
            if key == "b":
                sys.exit()
            return [(key, list(values))]

        store = MemoryStore()
        put(store, [[("a", 1), ("b", 2)]])
        outcome = run(recipe(reducer=leave), Task("j", "reduce", (0,)), store)
        assert (outcome.pairs, outcome.bad.key) == ([("a", [1])], "b")

    @pytest.mark.parametrize("kind", ["function", "method", "object"])
    def test_a_signal_that_means_the_end_is_heeded(self, kind):
        class Handler:
            def method(self, *_):
                sys.exit(4)

            __call__ = method

        handlers = {"function": lambda *_: sys.exit(4), "method": Handler().method}
        handlers["object"] = Handler()

        def mapper(key, value):
            signal.raise_signal(signal.SIGUSR1)
            return [(key, value)]

        before = signal.signal(signal.SIGUSR1, handlers[kind])
        try:
            with pytest.raises(SystemExit) as end:
                mapped(mapper)
        finally:
            signal.signal(signal.SIGUSR1, before)
        assert end.value.code == 4

    @pytest.mark.parametrize("error", [KeyboardInterrupt, GeneratorExit])
    def test_what_else_is_no_error_passes_through(self, error):
        def mapper(key, value):
            raise error

        with pytest.raises(error):
            mapped(mapper)
