"""Under Hadoop Streaming a Master's parts give what they give in httpmr: here, in Hadoop's place,
what partitions, sorts and merges lines as it does. Once through real processes."""

import io
import os
import re
import shlex
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, replace
from decimal import Decimal

import pytest
from docslib import ROOT, clone, commands
from hypothesis import given
from hypothesis import strategies as st
from test_keys import anything, octets

import httpmr
from httpmr import codec, keys, partitioners, reducers
from httpmr.cli import target
from httpmr.contrib.hadoop import lines
from httpmr.contrib.hadoop.task import EVERY, Task
from httpmr.errors import Damaged, HttpmrError, InputError, RecipeError, Unavailable, UserCodeError
from httpmr.jobs import Jobs
from httpmr.mappers import BySource
from httpmr.recipe import Crc32Partitioner, Recipe
from httpmr.sinks import Stored
from httpmr.sources import Chain, Memory
from httpmr.stores import MemoryStore

OPTION = "mapreduce.partition.keypartitioner.options"
PARTITIONER = "org.apache.hadoop.mapred.lib.KeyFieldBasedPartitioner"
EXAMPLES = {path.name[:2]: path for path in (ROOT / "examples").glob("*.py")}
TEXTS = sorted((ROOT / "examples" / "texts").glob("*.txt"))


def recipe(mapper=lambda key, value: [(key, value)], reducer=None, **settings):
    known = {"name": "r", "source": Memory({}), "sink": Stored()}
    return Recipe(mapper=mapper, reducer=reducer, **known | settings)


# Hadoop


def task(of, input=b"", packed=False, clock=lambda: 0.0, **settings):
    input = io.BytesIO(input) if isinstance(input, bytes) else input
    settings = {name: str(value) for name, value in settings.items()}
    return Task(of, input, io.BytesIO(), io.StringIO(), settings, packed, clock)


def run(of, what, input, *args, **settings):
    """Run one task; return what it wrote and what it logged."""
    one = task(of, input, **settings)
    getattr(one, what)(*args)
    return one.output.getvalue(), one.log.getvalue()


def counted(log):
    """Counters as the streaming Java code reads them: of lines with three columns."""
    found = Counter()
    for line in log.split("\n"):
        if line.startswith("reporter:counter:"):
            columns = line.removeprefix("reporter:counter:").strip().split(",")
            if len(columns) == 3 and columns[0] == "httpmr":
                found[columns[1]] += int(columns[2])
    return found


def found_by_hash(line, reduces):
    """KeyFieldBasedPartitioner with -k1.1,1.2: Java's hash of the key's first two bytes."""
    value = 0
    for byte in line.partition(b"\t")[0][:2]:
        value = 31 * value + byte
    return (value & 0x7FFFFFFF) % reduces


def shuffled(text):
    """Sort lines by their keys alone; those that are equal come in any order, here the last first.

    No line has anything that ends one for Hadoop, and each has a tab.
    """
    some = text.removesuffix(b"\n").split(b"\n") if text else []
    assert all(re.fullmatch(rb"[\w,-]+\t[\w,-]+", line) for line in some)
    some.reverse()
    some.sort(key=lambda line: line.partition(b"\t")[0])
    return b"".join(line + b"\n" for line in some)


@dataclass
class Cluster:
    """So many reduce tasks; `run` is given what runs a task, and how many partitions combine."""

    reduces: int

    def run(self, run, splits, combines):
        parts = [b""] * self.reduces
        for split in splits:
            for line in run("map", split, mapreduce_job_reduces=self.reduces).splitlines(True):
                parts[found_by_hash(line, self.reduces)] += line
            for n in range(combines):  # more than once, on what it has combined, too
                parts[n] = run("combine", shuffled(parts[n]))
        return [
            run(
                "reduce",
                shuffled(part),
                mapreduce_job_reduces=self.reduces,
                mapreduce_task_partition=n,
            )
            for n, part in enumerate(parts)
        ]


def hadoop(of, splits, form="records", reduces=3):
    """Return the pairs of each reduce task, and the counters."""
    counts = Counter()

    def one(what, input, **settings):
        args = [form] if what == "map" else []
        output, log = run(of, what, input, *args, packed=True, **settings)
        if what == "combine":
            assert not counted(log)
        counts.update(counted(log))
        return output

    outputs = Cluster(reduces).run(one, splits, reduces if of.combine else 0)
    return [list(pairs(output)) for output in outputs], counts


def pairs(output):
    for line in output.splitlines():
        key, value = line.split(b"\t")
        yield codec.loads(lines.decoded(key)), codec.loads(lines.decoded(value))


def packed(some):
    return b"".join(lines.packed(key, value) for key, value in some)


def in_httpmr(of, reduces=3):
    """Return the pairs of each partition, in order, and the counters of a job in memory."""
    of = replace(of, sink=Stored(), num_reducers=reduces, combiner=of.combine)
    job = Jobs(of, MemoryStore()).run()
    assert job.state == "done", job.status()
    return sorted(job.output(), key=repr), job.counters


# Between map and reduce


@given(octets, octets)
def test_texts_sort_as_their_bytes_and_come_back(one, other):
    a, b = lines.encoded(one), lines.encoded(other)
    assert (a < b, a == b) == (one < other, one == other)
    assert lines.decoded(a) == one
    assert re.fullmatch(rb"[A-Za-z0-9_-]*", a)


@pytest.mark.parametrize("text", [b"A", b"A+/A", b"-F==", b"-F--=", b"a b-", b"-F\n", b"\xff-"])
def test_what_is_no_such_text_is_damaged(text):
    with pytest.raises(Damaged, match="is not what httpmr wrote"):
        lines.decoded(text)


@given(st.integers(1, lines.MOST_PARTITIONS), st.data())
def test_hadoop_finds_the_task_that_the_partitioner_chose(reduces, data):
    number = data.draw(st.integers(0, reduces - 1))
    two = lines.mark(number, reduces)
    assert found_by_hash(two + b"some\tthing", reduces) == number
    assert re.fullmatch(rb"[A-_]{2}", two)


@given(st.lists(anything, max_size=12))
def test_any_keys_are_grouped_as_in_httpmr_and_come_as_they_were(some):
    def gathered(key, values):
        yield None, (repr(key), keys.pack(key), sorted(map(repr, values)))

    of = recipe(reducer=gathered)
    parts, _ = hadoop(of, [packed((key, key) for key in half) for half in (some[:5], some[5:])])
    came = [value for part in parts for _, value in part]
    groups = {}
    for key in some:
        groups.setdefault(keys.pack(key), []).append(repr(key))
    assert sorted(at for _, at, _ in came) == sorted(groups)
    for shown, at, values in came:
        assert values == sorted(groups[at])
        assert shown in values  # of its very type
    for part in parts:
        assert [value[1] for _, value in part] == sorted(value[1] for _, value in part)


def test_equal_keys_of_different_types_are_one_group():
    emitted = [(key, type(key).__name__) for key in (1, 1.0, True, 2.5, "1")]
    of = recipe(lambda key, value: emitted, lambda key, values: [(key, sorted(values))])
    parts, _ = hadoop(of, [packed([(0, 0)])])
    assert {key: value for part in parts for key, value in part} == {
        1: ["bool", "float", "int"],
        2.5: ["float"],
        "1": ["str"],
    }


# The same recipes here and there


def example(number, name, monkeypatch, folder):
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    return target.load(f"{EXAMPLES[number]}{name}").application.recipe


@pytest.mark.parametrize(
    ("number", "name"),
    [("01", ""), ("03", ""), ("20", ":each"), ("21", ""), ("23", "")],
)
def test_an_example_gives_what_it_gives_in_httpmr(number, name, monkeypatch, tmp_path):
    of = example(number, name, monkeypatch, tmp_path)
    records, _ = run(of, "records", b"")
    some = records.splitlines(keepends=True)
    half = len(some) // 2
    parts, counts = hadoop(of, [b"".join(some[:half]), b"".join(some[half:])])
    same, counters = in_httpmr(of)
    assert sorted((pair for part in parts for pair in part), key=repr) == same
    assert counts == counters
    assert len(same) > 0


class ByLength(httpmr.Partitioner):
    def partition(self, key, partitions):
        return min(len(key), partitions) - 1


def test_a_join_whose_values_are_sorted_by_their_source_is_the_same():
    parts = {
        "shop": Memory({n: f"shop {n}" for n in range(5)}),
        "sale": Memory({n: n % 3 for n in range(9)}),
    }
    of = recipe(
        BySource({"shop": lambda n, name: [(n, name)], "sale": lambda n, shop: [(shop, n)]}),
        reducers.Join("shop", "sale"),
        source=Chain(parts),
        sort_values=lambda value: ["shop", "sale"].index(value[0]),
    )
    records, _ = run(of, "records", b"")
    some = records.splitlines(keepends=True)
    parts, _ = hadoop(of, [b"".join(some[7:]), b"".join(some[:7])])
    assert sorted(pair for part in parts for pair in part) == in_httpmr(of)[0]


@pytest.mark.parametrize("reduces", [1, 4])
@pytest.mark.parametrize("partitioner", [ByLength(), partitioners.RangePartitioner("cmt")])
def test_the_partitioner_decides(partitioner, reduces):
    words = ["a", "few", "words", "of", "which", "some", "are", "long", "and", "few", "are", "not"]
    of = recipe(
        lambda key, word: [(word, 1)], reducers.Count(), partitioner=partitioner, num_reducers=9
    )
    parts, _ = hadoop(of, [packed(enumerate(words))], reduces=reduces)
    for n, part in enumerate(parts):
        assert {key for key, _ in part} == {
            word for word in words if partitioner.partition(word, reduces) == n
        }
        assert part == sorted(part)


def test_values_are_sorted_by_what_the_recipe_says():
    rows = [(n, (n * 7 % 5, -n)) for n in range(30)]
    of = recipe(
        lambda n, row: [(n % 2, row)],
        lambda key, values: [(key, list(values))],
        sort_values=lambda row: row[1] / 2,
        source=Memory(dict(rows)),
    )
    parts, _ = hadoop(of, [packed(rows[:10]), packed(rows[10:])])
    assert sorted(pair for part in parts for pair in part) == in_httpmr(of)[0]


def test_a_combiner_may_run_often_and_its_counts_do_not_count():
    def total(key, values):
        httpmr.count("combined")
        return sum(values)

    def mapper(key, value):
        httpmr.count("mapped, all\n", value)
        yield Crc32Partitioner().partition(key, 3), value

    def reducer(key, values):
        httpmr.count("reduced")
        yield key, sum(values)

    of = recipe(mapper, reducer, combiner=total)
    records = [(f"k{n}", n) for n in range(50)]
    parts, counts = hadoop(of, [packed(records[n::5]) for n in range(5)])
    assert sum(value for part in parts for _, value in part) == sum(range(50))
    assert counts == {"mapped all ": sum(range(50)), "reduced": 3}


def test_a_combined_value_keeps_its_very_key():
    of = recipe(lambda n, key: [(key, n)], reducers.Sum())
    parts, _ = hadoop(of, [packed(enumerate([2.0, 2.0, Decimal("0.50"), Decimal("0.50")]))])
    assert sorted(repr(pair) for part in parts for pair in part) == [
        "(2.0, 1)",
        "(Decimal('0.50'), 5)",
    ]


def test_without_a_reducer_map_writes_for_good():
    of = recipe(lambda key, line: [(key[1], line.upper())])
    output, _ = run(of, "map", b"one\ntwo\tb", mapreduce_job_reduces=0)
    assert output == b'0\tONE\n4\t"TWO\\tB"\n'
    output, _ = run(of, "map", b"one\n", packed=True)
    again, _ = run(recipe(), "map", output, "records")
    assert again == b"0\tONE\n"


# What map reads

IN_FILE = {"mapreduce_map_input_file": "hdfs://n/f", "mapreduce_map_input_start": 100}


@pytest.mark.parametrize(
    ("form", "input", "records"),
    [
        ("lines", b"a\tb\r\n\nc", [(("hdfs://n/f", 100), "a\tb"), (("hdfs://n/f", 105), "")]),
        ("offsets", b"7\ta\tb\r\n70\t\n", [(("hdfs://n/f", 7), "a\tb"), (("hdfs://n/f", 70), "")]),
        ("keys", "é\ta\tb\nalone\n".encode(), [("é", "a\tb"), ("alone", "")]),
        ("records", packed([(1.0, ("a\t",)), (b"\n", b"\n")]), [(1.0, ("a\t",)), (b"\n", b"\n")]),
    ],
)
def test_what_a_mapper_gets(form, input, records):
    output, _ = run(recipe(), "map", input, form, packed=True, **IN_FILE)
    assert [(repr(k), v) for k, v in list(pairs(output))[:2]] == [(repr(k), v) for k, v in records]


def test_no_two_lines_of_a_file_have_one_key():
    text = b"".join(b"%d\n" % 10**n for n in range(20))
    found = []
    for start in range(0, len(text), 37):  # as Hadoop splits: by the byte before which a line ends
        low = text.index(b"\n", start) + 1 if start else 0
        high = text.find(b"\n", start + 37) + 1 or len(text)
        settings = {**IN_FILE, "mapreduce_map_input_start": start}
        output, _ = run(recipe(), "map", text[low:high], packed=True, **settings)
        found += [key[1] for key, _ in pairs(output)]
    assert len(found) == 20
    assert found == sorted(set(found))


@pytest.mark.parametrize(
    ("form", "input", "told"),
    [
        ("offsets", b"no offset\n", "a line without its offset, b'no offset"),
        ("offsets", b"x\tline\n", "leave --offsets out"),
        ("keys", b"\xff\tline\n", "the key b'\\\\xff' is not UTF-8"),
        ("records", b"a\tb\n", "is not what httpmr wrote"),
        ("records", b"\n", "cannot be read back"),
    ],
)
def test_input_of_another_form_fails_the_task(form, input, told):
    with pytest.raises(HttpmrError, match=told):
        run(recipe(max_bad_records=10), "map", input, form)


# What goes wrong


def brittle(key, value):
    httpmr.count("begun")
    yield value, 1
    if value == "bad":
        raise ValueError("such\nand such")


def test_a_bad_record_gives_and_counts_nothing():
    of = recipe(brittle, reducers.Sum(), max_bad_records=2)
    parts, counts = hadoop(of, [b"a\nbad\nb\n\xff\n", b"bad\na\n"], "lines")
    assert sorted(pair for part in parts for pair in part) == [("a", 2), ("b", 1)]
    assert counts == {"begun": 3, "bad_records": 3}
    _, log = run(of, "map", b"bad\n", **IN_FILE)
    told = "httpmr: bad record ('hdfs://n/f', 100): ValueError: such (test_hadoop.py, line"
    assert told in log


@pytest.mark.parametrize("most", [0, 1])
def test_one_too_many_fails_the_task(most):
    with pytest.raises(UserCodeError, match=rf"bad record .*such.*\(max_bad_records={most}\)"):
        run(recipe(brittle, max_bad_records=most), "map", b"bad\nbad\n")


@pytest.mark.parametrize("held", [1, 10**6])
def test_a_bad_group_gives_nothing_however_much_it_gave(held, monkeypatch):
    monkeypatch.setattr("httpmr.contrib.hadoop.task._HELD", held)

    def reducer(key, values):
        for n in range(100):
            yield key, n
        if key == "bad":
            sys.exit("no more")

    of = recipe(lambda key, value: [(value, 1)], reducer, max_bad_records=1)
    for words in ("bad z", "a bad", "a z bad b"):
        parts, counts = hadoop(of, [words.replace(" ", "\n").encode()], "lines", reduces=1)
        good = sorted(set(words.split()) - {"bad"})
        assert parts == [[(key, n) for key in good for n in range(100)]]
        assert counts == {"bad_records": 1}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (lambda key, value: None, "gave None; yield"),
        (lambda key, value: [(1, 2, 3)], "yield \\(key, value\\) pairs"),
        (lambda key, value: ["ab"], "gave the str 'ab'"),
        (lambda key, value: [([], 1)], "a key is None"),
        (lambda key, value: [(1, object())], "cannot be stored"),
        (lambda key, value: next(iter(())), "StopIteration"),
    ],
)
def test_what_is_no_pair_is_a_bad_record(given, told):
    of = recipe(given, reducers.Count())
    with pytest.raises(UserCodeError, match=told):
        run(of, "map", b"a\n")


@pytest.mark.parametrize("number", [-1, 3, "0", None, True])
def test_a_partition_that_is_none_is_a_bad_record(number):
    of = recipe(reducer=reducers.Count(), partitioner=lambda key, partitions: number)
    with pytest.raises(UserCodeError, match="a whole number from 0 to 2"):
        run(of, "map", b"a\n", mapreduce_job_reduces=3)


def test_a_combiner_that_fails_fails_the_task():
    def combine(key, values):
        raise ZeroDivisionError

    of = recipe(reducer=reducers.Sum(), combiner=combine, max_bad_records=9)
    mapped, _ = run(of, "map", packed([(1, 1), (1, 2)]), "records")
    with pytest.raises(UserCodeError, match=r"bad group 1: Zero.*a combiner must not fail"):
        run(of, "combine", mapped)


def test_errors_of_the_surroundings_are_not_the_record_s():
    def mapper(key, value):
        raise ConnectionResetError("gone")

    with pytest.raises(Unavailable, match="gone"):
        run(recipe(mapper, max_bad_records=9), "map", b"a\n")


def test_lines_that_do_not_belong_are_not_reduced():
    of = recipe(reducer=reducers.Count(), max_bad_records=99)
    some = packed((n, n) for n in range(20))
    mapped, _ = run(of, "map", some, "records", mapreduce_job_reduces=2)
    with pytest.raises(InputError, match=r"not in order.*LC_ALL=C"):
        run(of, "reduce", mapped)
    with pytest.raises(InputError, match=f"does not belong.*{PARTITIONER}.*{OPTION}"):
        ordered = shuffled(mapped)
        run(of, "reduce", ordered, mapreduce_job_reduces=2, mapreduce_task_partition=1)
    with pytest.raises(InputError, match="does not belong"):
        run(of, "reduce", b"a line of text\n")
    with pytest.raises(Damaged):
        run(of, "reduce", b"AA----\t-F\n")


def test_damage_is_never_a_bad_group_nor_swallowed():
    def patient(key, values):
        try:
            yield key, sum(values)
        except Exception:
            yield key, -1

    mapped, _ = run(
        recipe(reducer=patient),
        "map",
        packed([(1, 1), (1, 2), (2, 0)]),
        "records",
        mapreduce_job_reduces=1,
    )
    first, second, third = mapped.splitlines(keepends=True)
    for broken in (first + second[:-2] + b"=\n" + third, first + b"0" + second):
        for reducer in (patient, reducers.Sum()):
            with pytest.raises((Damaged, InputError)):
                run(recipe(reducer=reducer, max_bad_records=9), "reduce", broken)


@pytest.mark.parametrize(
    ("what", "of", "settings", "told"),
    [
        (
            "map",
            recipe(reducer=reducers.Sum()),
            {"mapreduce_job_reduces": 0},
            "give 1 to 961, not 0",
        ),
        ("map", recipe(reducer=reducers.Sum()), {"mapreduce_job_reduces": 962}, "not 962"),
        ("map", recipe(), {"mapreduce_job_reduces": 1}, "mapreduce.job.reduces=0"),
        (
            "combine",
            recipe(reducer=lambda key, values: []),
            {},
            "combiner",
        ),
        ("reduce", recipe(), {}, "no reducer"),
        (
            "map",
            recipe(reducer=reducers.Count(), partitioner=partitioners.RangePartitioner()),
            {},
            "RangePartitioner learns .* cuts=",
        ),
    ],
)
def test_what_cannot_work_is_said_at_once(what, of, settings, told):
    with pytest.raises(RecipeError, match=told):
        run(of, what, b"a\n", **settings)


# As it goes


def test_groups_and_their_values_are_read_as_they_are_wanted():
    of = recipe(reducer=lambda key, values: [(key, next(values))])
    records = packed((key, n) for key in "abc" for n in range(100))
    mapped, _ = run(of, "map", records, "records", mapreduce_job_reduces=1)
    some = shuffled(mapped).splitlines(keepends=True)
    read = []

    def reducer(key, values):
        next(values)
        yield key, len(read)
        sum(values)
        yield key, len(read)

    def input():
        for line in some:
            read.append(line)
            yield line

    one = task(recipe(reducer=reducer), input())
    one.reduce()
    found = [line.split(b"\t") for line in one.output.getvalue().splitlines()]
    assert [int(n) for _, n in found] == [1, 101, 101, 201, 201, 300]


def test_hadoop_hears_of_it_now_and_then():
    now = [0.0]

    def mapper(key, value):
        httpmr.count("seen")
        now[0] += EVERY * 0.4
        return []

    one = task(recipe(mapper), b"a\n" * 10, clock=lambda: now[0])
    one.map()
    told = one.log.getvalue().split()
    assert [int(n) for n in re.findall(r"status:(\d+) records", one.log.getvalue())] == [
        3,
        6,
        9,
        10,
    ]
    assert counted(one.log.getvalue()) == {"seen": 10}
    assert len(told) > 4
    assert one.log.getvalue().startswith("\nreporter:")


# The command

USER = """
import dataclasses, os, httpmr
from httpmr import reducers, sources

@dataclasses.dataclass
class Params:
    least: int
    upper: bool = False
    word: str = "x"

def mapper(params):
    def words(key, line):
        print("said", end="")
        httpmr.count("lines")
        for word in line.split():
            if len(word) >= params.least:
                yield word.upper() if params.upper else word, params.word
    return words

os.system("cat; echo shouted")
words = httpmr.Master("words", params=Params, mapper=mapper, reducer=reducers.Count(),
                      source=sources.Memory({}), store="sqlite:///words.db")
"""


def command(folder, *args, input=b"", **settings):
    (folder / "words.py").write_text(USER)
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-W", "ignore:'cgi'", "-m", "httpmr.contrib.hadoop", *args],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **settings},
        input=input,
        capture_output=True,
        timeout=60,
    )
    return ran.returncode, ran.stdout, ran.stderr.decode()


def test_user_code_that_prints_and_reads_does_not_break_the_stream(tmp_path):
    flags = ["--least", "2", "--upper", "--word=y z"]
    code, mapped, log = command(tmp_path, "map", "words.py", *flags, input=b"a bc def\nbc\n")
    assert code == 0, log
    assert len(shuffled(mapped).splitlines()) == 3
    assert counted(log) == {"lines": 2}
    assert (log.count("said"), log.count("shouted")) == (2, 1)
    settings = {"mapreduce_job_reduces": "4"}
    code, output, log = command(
        tmp_path, "reduce", "words:words", *flags, input=shuffled(mapped), **settings
    )
    assert code == 0, log
    assert sorted(output.splitlines()) == [b"BC\t2", b"DEF\t1"]
    assert not (tmp_path / "words.db").exists()


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["words.py"], "least: is required"),
        (["words.py", "--least", "some"], "least: a whole number, not 'some'"),
        (["words.py", "--least", "1", "--much", "2"], "much: no such parameter"),
        (["there.py"], "no there.py in "),
        (["words:none"], "words:none cannot be loaded: AttributeError"),
        (["words.py:Params"], "words.py:Params names 0 Masters: say which one, as words.py:name"),
    ],
)
def test_what_is_wrong_with_a_command_is_one_line(args, told, tmp_path, monkeypatch, capfd):
    from httpmr.contrib.hadoop import __main__ as hadoop_command

    (tmp_path / "words.py").write_text(USER)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    place, *flags = args
    with pytest.raises(HttpmrError, match=told) as raised:
        hadoop_command._recipe(place, flags)
    assert "\n" not in raised.value.message


def test_it_ends_with_1_and_a_line_where_a_task_fails(tmp_path):
    code, output, log = command(tmp_path, "map", "words.py")
    assert (code, output) == (1, b"")
    assert "\nhttpmr: least: is required\n" in log
    assert "Traceback" not in log


def test_the_guide_s_commands_count_words_in_processes(tmp_path):
    here = clone(tmp_path)
    (tmp_path / "bin" / "python3").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (tmp_path / "bin" / "python3").chmod(0o755)
    [(streaming, _), *_, (pipe, _)] = commands(ROOT / "docs" / "hadoop.md")
    words = shlex.split(streaming)
    assert words[words.index("-partitioner") + 1] == PARTITIONER
    assert f"{OPTION}=-k1.1,1.2" in words
    flags = {"map": "-mapper", "combine": "-combiner", "reduce": "-reducer"}
    given = {what: words[words.index(flag) + 1] for what, flag in flags.items()}

    def process(what, input, **settings):
        env = here | {name: str(value) for name, value in settings.items()}
        ran = subprocess.run(
            shlex.split(given[what]), cwd=tmp_path, env=env, input=input, capture_output=True
        )
        assert ran.returncode == 0, ran.stderr.decode()
        return ran.stdout

    every = [path.read_bytes() for path in TEXTS]
    splits = [b"".join(every[:2]), b"".join(every[2:])]
    output = b"".join(Cluster(2).run(process, splits, 1))
    expected = Counter(re.findall(rb"[a-z']+", b"".join(every).lower()))
    same = [b"%b\t%d" % (word, n) for word, n in sorted(expected.items())]
    assert sorted(output.splitlines()) == same
    ran = subprocess.run(["bash", "-c", pipe], cwd=tmp_path, env=here, capture_output=True)
    assert sorted(ran.stdout.splitlines()) == same
