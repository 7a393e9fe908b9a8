"""Chaos does what it says, sees what is wrong, and a little of each case goes well here."""

import os
import random

import pytest
from sqlalchemy.engine import make_url

from benchmarks.chaos import __main__ as chaos
from benchmarks.chaos import proxy
from benchmarks.chaos.dropped import PLAIN
from benchmarks.chaos.homes import home
from benchmarks.chaos.site import KINDS, Site
from benchmarks.chaos.storm import Done
from benchmarks.slices.databases import answering
from httpmr import sql
from httpmr.errors import Uncertain
from httpmr.interfaces import Batch
from httpmr.stores import SQLStore

FEW = {"killed": 4, "paused": 2, "paused, no fence": 20, "dropped": 6}


@pytest.fixture(scope="module")
def servers():
    return answering()


def server(servers, database):
    found, absent = servers
    if database not in found:
        [why] = [line for line in absent if line.startswith(database)]
        (pytest.fail if os.environ.get("CI") else pytest.skip)(why)
    return found[database]


@pytest.mark.parametrize(
    ("name", "database"),
    [(name, case.databases[0]) for name, case in chaos.CASES.items()] + [("dropped", "MariaDB")],
)
def test_a_little_of_each_case(servers, name, database, capfd):
    faults = FEW.get(name, 1)
    well = chaos.measured(name, database, server(servers, database), faults, 60.0)
    said = capfd.readouterr()
    assert well, said.out
    if "skipped" in said.out:
        pytest.skip(said.out)


@pytest.mark.parametrize(
    ("done", "control", "well"),
    [
        (Done(5, 9, []), False, True),
        (Done(4, 9, []), False, False),
        (Done(5, 9, ["a row is there twice"]), False, False),
        (Done(5, 9, []), True, False),
        (Done(2, 9, ["a row is there twice"]), True, True),
        (Done(0, 0, [], skipped="there is no disk"), False, True),
    ],
)
def test_what_is_wrong_too_little_or_not_seen_ends_with_1(monkeypatch, capsys, done, control, well):
    monkeypatch.delenv("CI", raising=False)
    case = chaos.Case(lambda *given: done, 5, 5, ("SQLite",), control)
    monkeypatch.setattr(chaos, "CASES", {"a case": case})
    monkeypatch.setattr(chaos, "answering", lambda: ({"SQLite": ""}, []))
    monkeypatch.setattr("sys.argv", ["chaos"])
    monkeypatch.setattr(chaos.signal, "signal", lambda *given: None)
    assert chaos.main() == (0 if well else 1)
    assert all(wrong in capsys.readouterr().out for wrong in done.wrong)
    monkeypatch.setenv("CI", "true")
    assert chaos.main() == (0 if well and not done.skipped else 1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_result_is_seen(tmp_path, kind):
    """What a job gives is not compared with what the same code gives."""
    url = f"sqlite:///{tmp_path}/jobs.db"
    site = Site(str(tmp_path), url, names=(kind,), records=45, pace=0.0, shards=2)
    site.prepare()
    job = site.masters[kind].run()
    assert list(site.differences(kind, job)) == []
    other = Site(str(tmp_path), url, names=(kind,), records=46)
    found = [line.split(": ")[1].split()[0] for line in other.differences(kind, job)]
    assert found == ["records", "counters", "output"]
    sql.close(sql.engine(url))


def read(sent):
    """Return what reads so many bytes of what was sent; at its end EOFError."""
    rest = bytearray(sent)

    def some(count):
        if count > len(rest):
            raise EOFError
        taken = bytes(rest[:count])
        del rest[:count]
        return taken

    return some


def commits(messages, sent):
    found, together = [], b""
    with pytest.raises(EOFError):
        for message, commit in messages(read(sent)):
            together += message
            found.append(commit)
    assert together == sent  # nothing is lost on the way
    return found


def test_a_commit_is_told_from_what_else_postgresql_is_sent():
    def message(kind, body):
        return kind + (len(body) + 4).to_bytes(4, "big") + body

    sent = [
        message(b"", b"\0\3\0\0user\0COMMIT\0"),
        message(b"Q", b"BEGIN\0"),
        message(b"P", b"\0SELECT 'COMMIT'\0\0\0"),
        message(b"B", b"\0COMMIT"),
        message(b"Q", b"COMMIT\0"),
        message(b"P", b"name\0commit\0\0\0"),
        message(b"S", b""),
    ]
    found = commits(proxy.postgres, b"".join(sent))
    assert found == [False, False, False, False, True, True, False]


def test_a_commit_is_told_from_what_else_mariadb_is_sent():
    def packet(body, number=0):
        return len(body).to_bytes(3, "little") + bytes([number]) + body

    statements = [b"COMMIT", b"SELECT 'COMMIT'", b"INSERT ...", b"SELECT 1", b"COMMIT", b"COMMIT"]
    sent = [packet(b"login", 1), *(packet(b"\x03" + said) for said in statements)]
    found = commits(proxy.mariadb, b"".join(sent))
    assert found == [False, False, False, False, False, True, False]


@pytest.mark.parametrize("database", chaos.SERVERS)
def test_a_dropped_commit_has_happened_or_not_by_its_fate(servers, database, monkeypatch):
    messages = {"PostgreSQL": proxy.postgres, "MariaDB": proxy.mariadb}[database]
    with home(database, server(servers, database)) as place:
        behind = make_url(place.url)
        with proxy.Proxy(behind.port, messages, 0.0, random.Random(1)) as between:
            url = behind.set(port=between.port).update_query_dict(PLAIN[database])
            store = SQLStore(url.render_as_string(hide_password=False))
            assert store.get([b"before", b"after"]) == {}
            for fate in ("before", "after"):
                monkeypatch.setattr(proxy, "FATES", (fate,))
                between.share = 1.0
                batch = Batch()
                batch.put(fate.encode(), b"")
                with pytest.raises(Uncertain):
                    store.commit(batch)
                between.share = 0.0
            assert store.get([b"before", b"after"]) == {b"after": b""}
            assert between.dropped == {"before": 1, "after": 1}
            store.close()
