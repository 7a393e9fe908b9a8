"""What went wrong in a shard last, in its own task: one line of it, and when.

It goes with the task that a claim, a commit or a release writes anyway, so that it costs no read
and no write, however many shards there are. What was put aside is told in full elsewhere.
"""

from httpmr.state import Outcome, Plain, Task

LONGEST = 300  # characters: a page reads the tasks of all shards


def mishap(message: str, when: float) -> Plain:
    """Return what a task keeps as its `error`."""
    cut = message if len(message) <= LONGEST else f"{message[: LONGEST - 1]}…"
    return {"message": cut, "when": when}


def lost(task: Task, now: float) -> Plain:
    """Return the mishap of a task whose lease ran out."""
    driver = next(reversed(task.drivers), "") or "this machine"
    return mishap(f"Lost: the request by {driver} died here, or was cut off", now)


def met(task: Task, outcome: Outcome, when: float) -> Plain | None:
    """Return the mishap of a slice; if it had none, the one before it."""
    message = outcome.fail or outcome.pause or (outcome.bad.message if outcome.bad else None)
    return mishap(message, when) if message else task.error
