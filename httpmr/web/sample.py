"""Try it first: the page of a sample, which is all that it writes."""

from webob import exc

from httpmr.errors import HttpmrError, ParameterError
from httpmr.jobs.sample import Sample, sample
from httpmr.state import Plain
from httpmr.web import console, draw, pages
from httpmr.web.plain import plain
from httpmr.web.visit import Visit

RECORDS = 200
SHOWN = 50


def tried(visit: Visit) -> pages.Answer:
    """Try the recipe on some records, and show them, their pairs and the results side by side."""
    given = visit.sent()
    try:
        came = sample(visit.master.recipe.of(console.asked(visit, given)), RECORDS)
    except ParameterError as error:
        return console.mistaken(visit, given, error)
    except HttpmrError as error:
        raise exc.HTTPConflict(error.message) from None
    if visit.wants_json:
        return pages.data(_plain(came))
    return pages.page(
        "sample.html",
        mount=visit.mount,
        name=visit.master.recipe.name,
        csrf=visit.csrf,
        given=given,
        records=came.records[:SHOWN],
        results=came.results[:SHOWN],
        more=[max(0, len(some) - SHOWN) for some in (came.records, came.results)],
        failed=[one for one in came.records if one.error],
        groups=came.bad,
        accounts=accounts(came),
    )


def accounts(came: Sample) -> list[str]:
    """Return what a sample came to, and what the whole job would, a line each."""
    pairs = sum(len(one.pairs) for one in came.records)
    lines = [
        f"{len(came.records):,} records emit {pairs:,} pairs, which come to {len(came.results):,} "
        "results; nothing was written"
    ]
    if came.cut:
        lines.append(came.cut)
    if came.counters:
        lines.append("counted: " + ", ".join(f"{name} {n:,}" for name, n in came.counters.items()))
    if came.total is None or came.seconds is None or came.bytes is None:
        lines.append("how many records there are takes longer to find out than a sample may")
    else:
        seconds = draw.span(max(came.seconds, 0.1))
        lines.append(
            f"all records, about {came.total:,}, would take some {seconds} of your own code in one "
            f"process, and at most {draw.size(came.bytes)} between map and reduce"
        )
    return lines


def _plain(came: Sample) -> Plain:
    records = [
        {
            "key": plain(one.key),
            "value": plain(one.value),
            "pairs": [[plain(key), plain(value)] for key, value in one.pairs],
            "error": one.error,
        }
        for one in came.records
    ]
    groups = [{"key": plain(one["key"]), "error": one["message"]} for one in came.bad]
    rest = ("counters", "total", "seconds", "bytes", "cut")
    return {
        "records": records,
        "results": [[plain(key), plain(value)] for key, value in came.results],
        "bad_groups": groups,
        **{name: getattr(came, name) for name in rest},
    }
