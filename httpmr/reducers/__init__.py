"""Ready-made reducers: Identity, Count, Sum, Min, Max, Mean and Top.

All but Identity are their own combiners, and none of their results depends on how a job was cut
into slices. Each yields one pair for a key:

    >>> def of(reducer, *values):
    ...     return list(reducer.reduce("key", iter(values)))
    >>> of(Sum(), 1, 2, 3), of(Count(), "a", "b"), of(Max(), 3, 9, 4)
    ([('key', 6)], [('key', 2)], [('key', 9)])

What `combine` gives stands for several values and is for the same reducer's `reduce` alone.
Count, Mean and Top have a type of their own for it: a count of 5 is never taken for the value 5.
"""

from httpmr.reducers.identity import Identity
from httpmr.reducers.order import Max, Min, Top
from httpmr.reducers.sums import Count, Mean, Sum

__all__ = ["Count", "Identity", "Max", "Mean", "Min", "Sum", "Top"]
