"""docs/security.md names the tests that hold it: each is there."""

import ast
import re
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
GUIDE = TESTS.parent / "docs" / "security.md"


def test_every_test_that_the_guide_names_is_there():
    there = {
        node.name
        for path in TESTS.rglob("test_*.py")
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef)
    }
    named = re.findall(r"`(test_\w+)`", GUIDE.read_text("utf-8"))
    assert len(named) > 30 and set(named) <= there, set(named) - there


def test_every_attack_is_named_in_the_guide_or_is_of_a_kind_that_is():
    """A module of attacks that the guide says nothing of would be a promise nobody knows."""
    guide = GUIDE.read_text("utf-8")
    for path in Path(__file__).parent.glob("test_*.py"):
        names = re.findall(r"^def (test_\w+)", path.read_text("utf-8"), re.M)
        assert path == Path(__file__) or any(f"`{name}`" in guide for name in names), path.name
