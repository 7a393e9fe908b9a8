"""A simulator of many requests on one store: deterministic, seeded, one thing at a time.

    world     lanes of which exactly one runs, the clock, and points where others may come in
    faults    what may go wrong at a point, and when it does
    store     the ordered store and the disk as lanes see them: each call is a point
    recipes   what the jobs are made of, small enough that thousands take seconds
    lanes     what the lanes do: drive, operate
    checks    what must hold meanwhile, and what must have come of it
    trial     one job of one recipe in one world, from a seed or for a sweep
    sweep     each fault at the 1st, 2nd, 3rd ... call until past the end
    mutants   deliberate breakages of the protocol, and the check that catches each

By hand: `python -m tests.simulator`.
"""
