"""The same facts as a page shows, as plain text: for `curl` with `Accept: text/plain`."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

from httpmr.state import Plain
from httpmr.web.draw import bars, between, moment, percent, rate, size, span
from httpmr.web.plain import text
from httpmr.web.shards import cells

LONGEST = 100  # characters of a cell
LINE = 400  # of a line that stands alone


def table(rows: list[list[Any]], heads: Sequence[str] = ()) -> str:
    """Return rows as aligned lines; numbers to the right.

    >>> print(table([["a", 10], ["bcd", 2]], ["key", "n"]), end="")
    key   n
    a    10
    bcd   2
    """
    said = [[_cell(it) for it in row] for row in rows]
    lines = [list(heads), *said] if heads else said
    widths = [max(map(len, column)) for column in zip_longest(*lines, fillvalue="")]
    right = [any(type(it) is int for it in column) for column in zip(*rows, strict=True)]
    return "".join(
        "  ".join(
            it.rjust(width) if to_the_right else it.ljust(width)
            for it, width, to_the_right in zip(line, widths, right, strict=False)
        ).rstrip()
        + "\n"
        for line in lines
    )


def _cell(it: Any, most: int = LONGEST) -> str:
    if it is None:
        return "-"
    said = f"{it:,}" if type(it) is int else it if type(it) is str else text(it)
    said = " ".join(said.split())
    said = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in said)
    return said if len(said) <= most else f"{said[:most]}..."


def _indented(line: str) -> str:
    return " " * (len(line) - len(line.lstrip(" "))) + _cell(line, LINE)


def job(known: Plain, commands: dict[str, str]) -> str:
    """Return what there is to tell of a job; see `facts.facts`."""
    parts = [table(_summary(known))]
    phases = [
        [it["phase"], it["at"], f"{percent(it['progress'])} %", it["shards"], it["slices"],
         it["records"], rate(it["rate"] or it["mean"]) if it["rate"] or it["mean"] else None]
        for it in known["phases"]
    ]  # fmt: skip
    parts.append(table(phases, ["phase", "", "", "shards", "slices", "records", "a second"]))
    if known["traceback"]:
        parts.append("".join(f"{_indented(line)}\n" for line in known["traceback"].splitlines()))
    if known["chart"]:
        parts.append(table(_throughput(known["chart"])))
    if known["shards_now"]:
        labels = cells(known["shards_now"], known["phase"], text)
        parts.append("".join(f"{_cell(label, LINE)}\n" for _, _, label in labels))
    if known["skew"]:
        values = known["skew"]["values"]
        parts.append(table([[n, it] for n, it in enumerate(values)], ["partition", "values"]))
        parts.append(f"the fullest holds {rate(known['skew']['uneven'])} times its share\n")
        if known["skew"]["biggest"]:
            heads = ["biggest groups", "values, at least", "bytes, about"]
            parts.append(table(known["skew"]["biggest"], heads))
            if known["skew"]["rest"]:
                yet = "yet" if known["skew"]["whole"] else "in the blocks looked at"
                parts.append(f"no other has more than about {size(known['skew']['rest'])} {yet}\n")
    if known["params"]:
        parts.append(table([list(it) for it in known["params"].items()], ["parameter", ""]))
    if known["counters"]:
        parts.append(table([list(it) for it in known["counters"].items()], ["counter", ""]))
    if known["bad"]:
        rows = [[it["key"], it["message"]] for it in known["bad"]]
        parts.append(table(rows, ["bad record", "error"]))
    if known["bad_not_shown"]:
        parts.append(f"and {known['bad_not_shown']:,} bad records more\n")
    if known["results"] and known["results"]["rows"]:
        parts.append(table([list(row) for row in known["results"]["rows"]], ["key", "value"]))
    acts = [[moment(it["when"]), it["what"], it["who"]] for it in known["acts"]]
    parts.append(table(acts, ["when", "what", "who"]))
    if known["replicas"]:
        parts.append(replicas(known["replicas"]))
    if known["state"] == "running":
        parts.append("drive it:\n" + "".join(f"  {line}\n" for line in commands.values()))
    return "\n".join(parts)


def _throughput(chart: Plain) -> list[list[Any]]:
    over = span(chart["until"] - chart["since"])
    return [
        [phase, bars(rates), f"at most {rate(max(rates))}/s, over {over}"]
        for phase, rates in chart["series"].items()
        if max(rates)
    ]


def _summary(known: Plain) -> list[list[Any]]:
    rows = [
        ["job", known["job"]],
        ["recipe", known["recipe"]],
        ["state", known["state"]],
        ["progress", f"{percent(known['progress'])} %"],
        ["records", f"{known['records']:,}"],
        ["slices", f"{known['slices']:,}"],
        ["bad records", f"{known['bad_records']:,}"],
        ["started", moment(known["started"])],
    ]
    if known["finished"]:
        rows.append(["finished", moment(known["finished"])])
        rows.append(["took", span(known["finished"] - known["started"])])
    if known["left"]:
        rows.append(["left", between(*known["left"]["all"])])
        rows.append(["of this phase", between(*known["left"]["phase"])])
    if known["drivers"]:
        drivers = ", ".join(f"{n} {kind}" for kind, n in known["drivers"].items())
        rows.append(["drivers", drivers])
    if known["stalled"]:
        rows.append(["stalled", f"no driver for {span(known['idle'])}"])
    if known["error"]:
        rows.append(["error", known["error"]])
    return rows


def replicas(known: list[Plain]) -> str:
    """Return the replicas."""
    rows = [
        [it["name"], it["state"], moment(it["since"]), f"{span(it['silent'])} ago", it["shard"],
         it["slices"], it["records"], it["errors"], it["order"] or None]
        for it in known
    ]  # fmt: skip
    heads = ["replica", "state", "since", "heard", "shard", "slices", "records", "errors", "order"]
    return table(rows, heads)


def jobs(
    name: str,
    about: Plain,
    listed: list[Plain],
    older: str | None,
    deleted: list[Plain],
    known: list[Plain],
) -> str:
    """Return the console: the recipe, its jobs, which of them were deleted, and its replicas."""
    recipe = [["recipe", name], *([fact, said] for fact, said in about.items())]
    rows = [
        [it["job"], it["state"], f"{percent(it['progress'])} %", it["records"],
         it["bad_records"], moment(it["started"]), it["took"] and span(it["took"]), it["who"]]
        for it in listed
    ]  # fmt: skip
    heads = ["job", "state", "", "records", "bad", "started", "took", "by"]
    more = f"\nolder jobs: ?before={older}\n" if older else ""
    listing = table(rows, heads) if rows else "no jobs\n"
    lost = [[it["job"], it["state"], moment(it["when"]), it["who"]] for it in deleted]
    gone = f"\n{table(lost, ['deleted', 'it was', 'when', 'by'])}" if lost else ""
    helped = f"\n{replicas(known)}" if known else ""
    return f"{table(recipe)}\n{listing}{more}{gone}{helped}"
