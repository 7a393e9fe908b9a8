"""The guide's code, its test included, is a part of this module."""

import re
from pathlib import Path

GUIDE = Path(__file__).resolve().parent.parent.parent / "docs" / "appengine.md"

for block in re.findall(r"^```python\n(.*?)^```$", GUIDE.read_text("utf-8"), re.M | re.S):
    exec(block, globals())


def test_it_has_a_test_of_its_own():
    assert callable(globals()["test_words_are_counted"])
