"""The names of staged parts: by them alone, a zombie's part is another than the committed one."""

from httpmr.interfaces import Slice


def part_name(slice: Slice) -> str:
    """Name the part of a slice by its shard, number, epoch and, where it was retried, round."""
    name = f"{'_'.join(map(str, slice.shard))}.{slice.number}.{slice.epoch}"
    return name + (f".{slice.round}" if slice.round else "")


def round_of(name: str) -> int:
    """Return the round of a job in which a part was written."""
    _, _, _, *round = name.split(".")
    return int(round[0]) if round else 0
