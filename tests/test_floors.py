"""The house: which module may import which, how large a module may be, who names a library."""

import ast
from functools import cache
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "httpmr"

# What stands on which floor; a folder counts as one. The README's picture is compared with this.
FLOORS = {
    0: ["errors"],
    1: ["keys", "codec", "budget", "collector", "counters", "trouble"],
    2: ["interfaces", "state", "params"],
    3: ["recipe", "shuffle", "ledger"],
    4: ["engine", "remote", "sql", "uploads"],
    5: ["stores", "sources", "sinks", "mappers", "partitioners", "reducers", "webhook"],
    6: ["jobs"],
    7: ["web", "driver", "replica", "testing"],
    8: ["contrib"],
    9: ["cli"],
    10: ["__main__", "__init__"],
}
FLOOR_OF = {room: floor for floor, rooms in FLOORS.items() for room in rooms}

# Which files may name a library.
LIBRARIES = {
    "webob": lambda path: path.parts[0] == "web",
    "jinja2": lambda path: path.parts[0] == "web",
    "sqlalchemy": lambda path: path.name == "sql.py" or "sql" in path.parts,
    "pytest": lambda path: path.parts[0] == "testing",
    "fsspec": lambda path: path.name == "remote.py",
    "pyarrow": lambda path: path.name == "parquet.py",
    "django": lambda path: path.name.startswith("django"),
    "pyspark": lambda path: path.name == "spark.py",
    "redis": lambda path: path.name == "redis.py",
    "apig_wsgi": lambda path: path.name == "aws.py",
    "fissix": lambda path: path.name == "python2.py",
    "google": lambda path: path.name == "appengine.py",
    "waitress": lambda path: path.parts[0] == "cli",
    "rich": lambda path: path.parts[0] == "cli",
}


def modules():
    return sorted(PACKAGE.rglob("*.py"))


def room(path):
    """The top-level name a file belongs to: a module, or a folder."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@cache
def imports(path, hints=True):
    """Yield (line, dotted name) of everything a file imports, at any depth, be it for its hints."""
    found = []
    parts = ("httpmr", *path.relative_to(PACKAGE).with_suffix("").parts)
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    checking = [
        n for n in nodes if isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING"
    ]
    passed_over = set() if hints else {inner for node in checking for inner in ast.walk(node)}
    for node in nodes:
        if node in passed_over:
            continue
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = ".".join([*parts[: len(parts) - node.level], *filter(None, [node.module])])
            if base in ("httpmr", *(f"httpmr.{r}" for r in FLOOR_OF)):
                found += [(node.lineno, f"{base}.{alias.name}") for alias in node.names]
            else:
                found.append((node.lineno, base))
    return found


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_down_only(path):
    here = room(path)
    for line, name in imports(path):
        parts = name.split(".")
        if parts[0] != "httpmr":
            continue
        assert len(parts) > 1, f"{path.name}:{line} imports the package's own front door"
        there = parts[1]
        assert there in FLOOR_OF, f"{path.name}:{line} imports {name}, which stands on no floor"
        if there != here:
            assert FLOOR_OF[there] < FLOOR_OF[here], (
                f"{path.name}:{line} (floor {FLOOR_OF[here]}) imports {name} "
                f"(floor {FLOOR_OF[there]}): imports go down only"
            )
        elif path.name != "__init__.py":
            target = PACKAGE / there
            inner = parts[2] if len(parts) > 2 else ""
            assert (target / inner).is_dir() or (target / f"{inner}.py").is_file(), (
                f"{path.name}:{line} imports {name} through its own folder's front door"
            )


def test_every_room_stands_on_a_floor():
    assert {room(path) for path in modules()} <= FLOOR_OF.keys()


def test_no_cycle_between_modules():
    known = {}
    for path in modules():
        parts = ["httpmr", *path.relative_to(PACKAGE).with_suffix("").parts]
        known[".".join(parts).removesuffix(".__init__")] = path

    def targets(path):
        # What is imported for hints alone is not imported when it runs.
        for _, name in imports(path, hints=False):
            while name and name not in known:
                name = name.rpartition(".")[0]
            if name and known[name] != path:
                yield name

    done, walking = set(), []

    def walk(name):
        assert name not in walking, f"a cycle: {' -> '.join([*walking, name])}"
        if name in done:
            return
        walking.append(name)
        for target in targets(known[name]):
            walk(target)
        walking.pop()
        done.add(name)

    for name in known:
        walk(name)
    assert done == known.keys()


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_libraries_are_named_in_their_rooms_alone(path):
    for line, name in imports(path):
        allowed = LIBRARIES.get(name.split(".")[0])
        where = path.relative_to(PACKAGE)
        assert allowed is None or allowed(where), f"{where}:{line} names {name}"


def test_modules_are_small():
    lines = {p: len(p.read_text(encoding="utf-8").splitlines()) for p in modules()}
    assert max(lines.values()) <= 300, max(lines.items(), key=lambda item: item[1])
    assert median(lines.values()) < 150


def test_every_module_says_what_it_does():
    silent = [str(p) for p in modules() if not ast.get_docstring(ast.parse(p.read_text("utf-8")))]
    assert not silent
