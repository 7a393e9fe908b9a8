"""Where uploads stand in the store, under which names.

("uploads", name)  -> the Upload of that name, which is whole
("upload", id, n)  -> its n-th chunk
("loose", id)      -> [when, how many]: chunks that no name has, or not yet
"""

from typing import NamedTuple

from httpmr import codec, keys
from httpmr.errors import InputError

LONGEST_NAME = 200


class Upload(NamedTuple):
    """A file that is there: `size` in bytes, `when` in Unix seconds by the store's clock."""

    name: str
    size: int
    when: float
    id: str
    chunk: int  # bytes of each of its chunks; the last may have fewer

    @property
    def path(self) -> str:
        """Its path in the keys of records: another file of the same name has another."""
        return f"{self.id}/{self.name}"


def read(stored: bytes) -> Upload:
    return Upload(*codec.loads(stored))


def head(name: str) -> bytes:
    """Return the key of the upload of that name; InputError where it cannot be one."""
    if not (isinstance(name, str) and 0 < len(name) <= LONGEST_NAME and name.isprintable()):
        what = f"of 1 to {LONGEST_NAME} printable characters"
    elif "/" in name:
        what = "without a slash"
    else:
        return keys.pack(("uploads", name))
    raise InputError(f"an upload has a name {what}, as 'sales.csv', not {name!r:.80}: mend it")


def chunk(id: str, n: int) -> bytes:
    return keys.pack(("upload", id, n))


def loose(id: str) -> bytes:
    return keys.pack(("loose", id))


def replaced(path: str) -> InputError:
    """Return the error for a path whose upload is no longer there."""
    name = path.partition("/")[2]
    message = f"the upload {name} was replaced or deleted meanwhile: start a new job"
    return InputError(message, path=path)
