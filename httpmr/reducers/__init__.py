"""Ready-made reducers: Identity, Count, Sum, Min, Max, Mean, Top and Join.

All but Identity and Join are their own combiners, and yield one pair for a key; no result depends
on how a job was cut into slices.

    >>> def of(reducer, *values):
    ...     return list(reducer.reduce("key", iter(values)))
    >>> of(Sum(), 1, 2, 3), of(Count(), "a", "b"), of(Max(), 3, 9, 4)
    ([('key', 6)], [('key', 2)], [('key', 9)])

What `combine` gives stands for several values and is for the same reducer's `reduce` alone.
Count, Mean and Top have a type of their own for it: a count of 5 is never taken for the value 5.
"""

from httpmr.reducers.identity import Identity
from httpmr.reducers.join import Join
from httpmr.reducers.order import Max, Min, Top
from httpmr.reducers.sums import Count, Mean, Sum

__all__ = ["Count", "Identity", "Join", "Max", "Mean", "Min", "Sum", "Top"]
