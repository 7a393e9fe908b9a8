"""The measurement of replicas checks the results of its jobs, and gives figures."""

from benchmarks import replicas


def test_each_replica_does_its_share():
    found = replicas.measured("even", records=200, replicas=2, slice_seconds=0.1)
    assert found.slices > 4 and found.cost > 0 and found.errors == 0
    assert len(found.each) == 2
    # And ten groups; where a slow machine makes more than 64 runs, those that merge folds, too.
    assert sum(found.each) == 210 or (found.slices > 64 and sum(found.each) > 210)
    assert min(found.each) > 50
