"""Every error of httpmr, in one tree, so that `except HttpmrError` is enough.

    HttpmrError
    ├── RecipeError            what a Master is made of cannot work
    │   └── ParameterError     ... or what a job is to be started with
    ├── InputError             the source cannot be read as it promised
    ├── OutputError            the sink cannot take the output
    ├── UserCodeError          a mapper, reducer, combiner or partitioner broke its contract
    │   ├── NotPairs           ... by giving something else than pairs
    │   └── Unstorable         ... by giving a key or a value that cannot be stored
    ├── GroupTooLarge          a group does not fit the longest slice
    ├── StoreError
    │   ├── Conflict           nothing happened: the world changed
    │   ├── Unavailable        nothing happened: try again later
    │   ├── Uncertain          the connection was lost in COMMIT: read again
    │   ├── OverLimit          a key, a value, a batch or an upload is over its limit
    │   ├── StoreFull          nothing happened: the disk, or the quota, is full
    │   └── FormatError        the store was written by a newer httpmr
    ├── Damaged                a stored block is not what was written
    ├── JobError
    │   ├── UnknownJob         no such job in this store
    │   ├── WrongStore         the job belongs to another store
    │   └── Unfit              the action does not fit the job's state
    ├── TargetError            the command line's TARGET names no application
    └── DriverError            a job cannot be driven over HTTP
        └── Unreachable        ... because its server does not answer

A message is one line that names the cause and the remedy. Evidence is kept as attributes, so
that a page or a test need not read the message. This module imports nothing.
"""


class HttpmrError(Exception):
    """The root of the tree. `evidence` are attributes that say what the message is about."""

    def __init__(self, message: str, **evidence: object) -> None:
        super().__init__(message)
        self.message = message
        self.evidence = evidence
        vars(self).update(evidence)

    def __reduce__(self) -> tuple[object, ...]:
        return _restore, (type(self), self.message, self.evidence)


def _restore(kind: type[HttpmrError], message: str, evidence: dict[str, object]) -> HttpmrError:
    return kind(message, **evidence)


class RecipeError(HttpmrError):
    """A recipe that cannot work, found when it is made."""


class ParameterError(RecipeError):
    """Parameters that a recipe does not take; `fields` says what is wrong with each."""

    fields: dict[str, str]


class InputError(HttpmrError):
    """A source that cannot be read: a missing file or table, keys that are not in order."""


class OutputError(HttpmrError):
    """A sink that cannot be written: a missing table, a refused row."""


class UserCodeError(HttpmrError):
    """User code that broke its contract."""


class NotPairs(UserCodeError):
    """A mapper or reducer gave something else than an iterable of pairs."""


class Unstorable(UserCodeError):
    """A key or value of a type that cannot be stored. Evidence: `value`."""


class GroupTooLarge(HttpmrError):
    """A group that cannot be reduced within one slice. Evidence: `key`."""


class StoreError(HttpmrError):
    """The root of what a store can answer instead of doing what it was asked."""


class Conflict(StoreError):
    """Nothing happened: something expected was not so."""


class Unavailable(StoreError):
    """Nothing happened: the store cannot be reached, or is too busy. Try again later."""


class Uncertain(StoreError):
    """The connection was lost in COMMIT: it may have happened or not. Read again."""


class OverLimit(StoreError):
    """A key, a value or a batch is larger than every store takes, or an upload than it may be."""


class StoreFull(StoreError):
    """Nothing happened: the disk, or the quota, is full."""


class FormatError(StoreError):
    """The store was written by a newer, incompatible httpmr."""


class Damaged(HttpmrError):
    """A stored block fails its checksum; no resume can mend that."""


class JobError(HttpmrError):
    """The root of what can be wrong with a request about a job."""


class UnknownJob(JobError):
    """There is no such job in this store."""


class WrongStore(JobError):
    """The job was made in another store than the one that answers here."""


class Unfit(JobError):
    """The action does not fit the state the job is in. Evidence: `state`."""


class TargetError(HttpmrError):
    """The command line's TARGET cannot be loaded, or names no Master."""


class DriverError(HttpmrError):
    """A job that cannot be driven over HTTP."""


class Unreachable(DriverError):
    """The server did not answer, however often it was asked."""
