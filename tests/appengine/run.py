"""Run these tests by a Python that has App Engine's SDK: `python run.py SITE [pytest's arguments]`.

SITE is a folder of packages that has all else, as pytest and httpmr itself. It is looked in last,
for the SDK wants other versions of some.
"""

import site
import sys
from importlib import import_module
from pathlib import Path

HERE = Path(__file__).parent


def main(packages, *args):
    site.addsitedir(packages)
    sys.path.insert(0, str(HERE.parent.parent))
    # Here, where the warnings of the SDK's own code are not yet errors.
    for name in ("db", "ndb", "testbed"):
        import_module(f"google.appengine.ext.{name}")
    pytest = import_module("pytest")
    options = ["-q", "-n", "0", "-p", "no:cacheprovider", f"--confcutdir={HERE}"]
    return pytest.main([*options, *(args or [str(HERE)])])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
