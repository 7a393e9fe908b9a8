"""The tests in `appengine/`, run where App Engine's SDK is: it wants other versions of much.

HTTPMR_TEST_APPENGINE is the Python of an environment that has it, of the version that runs this.
Else one is made, with nothing else in it, and kept among the caches of whoever runs the tests.
Where that cannot be, it is a skip at a desk and a failure where CI is set.
"""

import hashlib
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
import venv
from pathlib import Path

import pytest

from httpmr import sinks, sources, stores
from httpmr.engine import blame
from httpmr.errors import RecipeError, StoreFull, Unavailable, Uncertain
from httpmr.trouble import meaning, trouble

ROOT = Path(__file__).resolve().parent.parent
[SDK] = re.findall(r'"(appengine-python-standard\W[^"]*)"', (ROOT / "setup.py").read_text("utf-8"))


@pytest.fixture(scope="module")
def python():
    """A Python that has the SDK."""
    given = os.environ.get("HTTPMR_TEST_APPENGINE")
    if given:
        return given
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "httpmr"
    wanted = f"{sys.version_info.major}.{sys.version_info.minor} {sys.executable} {SDK}"
    made = caches / f"appengine-{hashlib.sha256(wanted.encode()).hexdigest()[:16]}"
    if not made.exists():
        try:
            make(made)
        except (subprocess.SubprocessError, OSError) as error:
            said = str(getattr(error, "stderr", None) or error).strip().splitlines()[-1]
            (pytest.fail if os.environ.get("CI") else pytest.skip)(f"no {SDK}: {said}")
    return made / "bin" / "python"


def make(folder):
    """Make the environment: elsewhere, and then in one move, for others may do the same."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as work:
        new = Path(work) / "env"
        venv.create(new, symlinks=True)
        # By the pip that is here, for one of its own would take as long as all the rest.
        pip = [sys.executable, "-m", "pip", "--python", new / "bin" / "python", "install"]
        options = ["--quiet", "--no-compile", "--disable-pip-version-check"]
        subprocess.run(
            [*pip, *options, SDK], check=True, capture_output=True, text=True, timeout=300
        )
        try:
            new.rename(folder)
        except OSError:
            if not folder.exists():
                raise


def test_all_of_app_engine(python):
    """A source, a sink, a store, whole jobs and the guide, against the SDK's own datastore."""
    command = [python, ROOT / "tests" / "appengine" / "run.py", sysconfig.get_path("purelib")]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=180, cwd=ROOT)
    print(ran.stdout)
    assert ran.returncode == 0, ran.stdout[-20_000:] + ran.stderr[-5000:]
    assert int(re.search(r"(\d+) passed", ran.stdout)[1]) > 150


# Where there is no SDK


@pytest.mark.parametrize(
    "use",
    [
        lambda: stores.open("appengine:"),
        lambda: sources.AppEngineSource,
        lambda: sinks.AppEngineSink,
    ],
)
def test_without_the_sdk_it_is_said_what_to_install(use, monkeypatch):
    for name in ("google", "google.appengine"):
        monkeypatch.setitem(sys.modules, name, None)
    for room in ("stores", "sources", "sinks"):
        monkeypatch.delitem(sys.modules, f"httpmr.{room}.appengine", raising=False)
    with pytest.raises(RecipeError, match=r'pip install "httpmr\[appengine\]"'):
        use()


def test_the_menus_have_nothing_else_to_look_up():
    for menu in (sources, sinks):
        with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
            menu.Nothing  # noqa: B018


def error_of_the_sdk(name, *bases):
    return type(name, bases or (Exception,), {"__module__": "google.appengine.api.some_errors"})


@pytest.mark.parametrize(
    ("error", "what", "in_commit"),
    [
        (error_of_the_sdk("TransactionFailedError"), "busy", Unavailable),
        (error_of_the_sdk("Timeout"), "away", Uncertain),
        (error_of_the_sdk("Later", error_of_the_sdk("Timeout")), "away", Uncertain),
        (error_of_the_sdk("OverQuotaError"), "full", StoreFull),
        (error_of_the_sdk("BadValueError"), None, Uncertain),
    ],
)
def test_what_the_errors_of_the_sdk_mean(error, what, in_commit):
    cause = error("why")
    assert trouble(cause) == what
    assert blame.surroundings(cause) == (what is not None)
    assert type(meaning(cause, lost=False, in_commit=True)) is in_commit
