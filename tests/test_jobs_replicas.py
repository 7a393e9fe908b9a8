"""Who the replicas are, and since when nobody has heard of one."""

import pytest
from faults import Clock

from httpmr.errors import Unfit
from httpmr.interfaces import Batch
from httpmr.jobs.replicas import FORGOTTEN, Replicas
from httpmr.stores import MemoryStore


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def known(clock):
    return Replicas(MemoryStore(clock=clock), "r")


def hear(known, name, **fields):
    return known.put(name, lambda _: fields)


def test_one_that_was_never_heard_of_is_new(known, clock):
    clock.now += 5
    replica, _ = known.read("ann")
    assert replica.stored is None and replica.since == clock.now
    assert known.all() == []
    hear(known, "ann", state="mapping", slices=3)
    clock.now += 5
    hear(known, "ann", state="ready")
    [ann] = known.all()
    assert (ann.state, ann.slices, ann.since, ann.heard) == ("ready", 3, clock.now - 5, clock.now)


def test_it_is_gone_when_it_says_so_or_was_not_heard_of(known, clock):
    ann = hear(known, "ann")
    assert not ann.gone(clock.now + 20, 6) and ann.gone(clock.now + 21, 6)
    assert not ann.gone(clock.now + 100, 60)
    assert hear(known, "ann", state="gone").gone(clock.now, 6)


def test_two_recipes_know_nothing_of_each_other(known):
    hear(known, "ann")
    assert Replicas(known.store, "s").all() == []


def test_what_is_dropped_stays_so(known):
    hear(known, "ann")
    assert known.order("ann", "drain").order == "drain"
    assert known.order("ann", "drop").order == "drop"
    assert known.order("ann", "drain").order == "drop"
    assert hear(known, "ann").order == "drop"
    with pytest.raises(Unfit, match="there is no replica bob"):
        known.order("bob", "drain")


def test_of_two_who_write_one_writes_again(known):
    hear(known, "ann")
    replica, _ = known.read("ann")
    _, join = known.heard(replica, state="mapping")
    known.order("ann", "drain")
    batch = Batch()
    join(batch)
    with pytest.raises(Exception, match="not as expected"):
        known.store.commit(batch)
    first = []

    def change(replica):
        if not first.append(replica) and len(first) == 1:
            known.order("ann", "drop")
        return {"slices": 1}

    assert known.put("ann", change).order == "drop" and len(first) == 2


def test_those_long_gone_are_forgotten_when_a_new_one_comes(known, clock):
    hear(known, "ann")
    hear(known, "bob")
    known.order("bob", "drop")
    clock.now += FORGOTTEN + 1
    hear(known, "cleo")
    assert [it.name for it in known.all()] == ["bob", "cleo"]
    clock.now += 30 * FORGOTTEN
    hear(known, "dora")
    assert [it.name for it in known.all()] == ["dora"]
