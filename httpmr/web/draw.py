"""Numbers as a person reads them, and rates as the outline of a chart."""

import math
from datetime import UTC, datetime

UNITS = ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s"))
GAP = "\N{NARROW NO-BREAK SPACE}"


def number(n: int) -> str:
    """Return a whole number in groups of three digits."""
    return f"{n:,}".replace(",", GAP)


def rate(n: float) -> str:
    """Return how many a second, with no more digits than mean anything.

    >>> rate(45123.4), rate(12.34), rate(0.0123)
    ('45\\u202f100', '12.3', '0.012')
    """
    if n < 1:
        return f"{n:.2g}"
    return number(int(round(n, 3 - len(str(int(n)))))) if n >= 100 else f"{n:.1f}"


def percent(part: float) -> int:
    """Return whole percents; never 100 before it is all done."""
    return 100 if part >= 1 else min(99, int(part * 100))


def moment(seconds: float) -> str:
    """Return a point in time."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def span(seconds: float) -> str:
    """Return a length of time.

    >>> span(0.31), span(42.4), span(60), span(3725)
    ('0.3 s', '42 s', '1 min', '1 h 2 min')
    """
    if 0.05 <= seconds < 9.95:
        return f"{seconds:.1f} s"
    seconds = max(0, round(seconds))
    for size, unit, smaller, name in UNITS:
        if seconds >= size:
            more = seconds % size // smaller
            return f"{seconds // size} {unit}" + (f" {more} {name}" if more else "")
    return f"{seconds} s"


def between(least: float, most: float) -> str:
    """Return a length of time that is not known better than that.

    >>> between(170, 310), between(40, 130), between(61, 62), between(0, 2)
    ('2 to 6 min', '40 s to 3 min', 'about 1 min', 'less than 5 s')
    """
    if most < 5:
        return "less than 5 s"
    unit = next((it for it in (*UNITS, (1, "s")) if most >= 2 * it[0]), (1, "s"))
    low_unit = next((it for it in (*UNITS, (1, "s")) if least >= it[0]), (1, "s"))
    low = int(least // low_unit[0])
    high = -int(-most // unit[0])
    if low_unit[1] == unit[1]:
        return f"about {low} {unit[1]}" if high <= low else f"{low} to {high} {unit[1]}"
    if most < 2 * low_unit[0]:
        return f"about {low} {low_unit[1]}"
    return f"{low} {low_unit[1]} to {high} {unit[1]}" if low else f"at most {high} {unit[1]}"


def size(count: int) -> str:
    """Return so many bytes.

    >>> size(999), size(1234567)
    ('999 bytes', '1.2 MB')
    """
    for unit, bytes in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= bytes:
            return f"{count / bytes:.1f} {unit}"
    return f"{count} bytes"


def bars(rates: list[float]) -> str:
    """Return the rates as a line of bars.

    >>> bars([0, 1, 5, 10])
    '·▁▄█'
    """
    most = max(rates) or 1
    return "".join("·▁▂▃▄▅▆▇█"[math.ceil(8 * rate / most)] for rate in rates)


def outline(rates: list[float], most: float) -> str:
    """Return the SVG path of bars without gaps, 1 wide each, 100 high at `most`.

    >>> outline([0, 5, 10], 10)
    'M0 100H1V50H2V0H3V100Z'
    """
    path, at = "M0 100", 100
    for n, height in enumerate(rates):
        top = round(100 - 100 * height / most) if most else 100
        if top != at:
            path, at = f"{path}V{top}", top
        path = f"{path}H{n + 1}"
    return f"{path}V100Z"
