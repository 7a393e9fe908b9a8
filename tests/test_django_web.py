"""Masters in a Django site: mounted by `urls`, let in by `staff`, under the site's own tests."""

import json
import re
import subprocess
import sys
import unittest
from pathlib import Path
from types import SimpleNamespace

import pytest
from asgiref.sync import async_to_sync
from django.db import connections
from django.test import AsyncClient, Client, TestCase, override_settings
from django.urls import include, path
from djangolib import Author, Book, Word, site
from docslib import ROOT
from webob import Response

import httpmr
from httpmr import reducers, sinks, sources
from httpmr.contrib.django import staff, urls
from httpmr.errors import RecipeError
from httpmr.stores.django import DjangoStore
from httpmr.web.mounted import Mounted

HOST = {"REMOTE_ADDR": "127.0.0.1", "SERVER_NAME": "localhost"}


def titles(**options):
    return httpmr.Master(
        "titles",
        source=sources.DjangoQuerySet(Book),
        mapper=lambda key, book: [(book.title, 1)],
        reducer=reducers.Sum(),
        **{"store": "django:", "authorize": staff, **options},
    )


@pytest.fixture
def library(sqlite_url):
    with site(sqlite_url, [Author, Book, Word], ATOMIC_REQUESTS=True) as connection:
        Book.objects.bulk_create(Book(title=f"t{n % 4}", code=f"c{n}") for n in range(100))
        yield connection


def mounted(master, *middleware, at="jobs/"):
    own = type("Urls", (), {"urlpatterns": [path(at, include(urls(master)))]})
    names = [f"{__name__}.{one.__name__}" for one in middleware]
    names.append("django.middleware.common.CommonMiddleware")
    names.append("django.middleware.csrf.CsrfViewMiddleware")
    return override_settings(ROOT_URLCONF=own, MIDDLEWARE=names)


def ann(get_response):
    """The middleware of a site in which Ann of the staff is logged in."""

    def middleware(request):
        request.user = SimpleNamespace(is_active=True, is_staff=True)
        return get_response(request)

    return middleware


def anonymous(get_response):
    def middleware(request):
        request.user = SimpleNamespace(is_active=True, is_staff=False, is_authenticated=False)
        return get_response(request)

    return middleware


def login_is_required(get_response):
    from django.contrib.auth.middleware import LoginRequiredMiddleware

    return LoginRequiredMiddleware(get_response)


def reads_bodies(get_response):
    def middleware(request):
        assert request.body is not None
        return get_response(request)

    return middleware


def drive(web, place):
    for _ in range(300):
        answer = web.get(place)
        if answer.status_code == 200:
            if "Done" in answer.content.decode():
                return
            [place] = re.findall(r'<a rel="next" href="([^"]+)"', answer.content.decode())
        else:
            assert answer.status_code == 303, answer
            place = answer["Location"]
    raise AssertionError("the job does not end")


def test_a_job_from_its_form_to_its_output(library):
    with mounted(titles(), ann):
        web = Client(enforce_csrf_checks=True, **HOST)
        assert web.get("/jobs")["Location"] == "/jobs/"
        page = web.get("/jobs/").content.decode()
        assert web.get("/jobs/static/style.css").status_code == 200
        csrf = re.search(r'name="csrf" value="([^"]+)"', page)[1]
        kind = "application/x-www-form-urlencoded"
        assert web.post("/jobs/jobs", "csrf=x", content_type=kind).status_code == 403
        begun = web.post("/jobs/jobs", f"csrf={csrf}", content_type=kind)
        assert begun.status_code == 303
        drive(web, begun["Location"] + "drive")
        rows = web.get(begun["Location"] + "output.jsonl")
        found = [json.loads(row) for row in rows.content.splitlines()]
        assert found == [[f"t{n}", 25] for n in range(4)]
        assert rows["Content-Type"].startswith("application/")
        assert web.get("/jobs/nothing/here").status_code == 404
        assert web.get("/jobs/é%ff/x/").status_code == 404
        assert web.head("/jobs/").content == b""


def test_a_view_of_one_s_own_within_a_transaction_is_told_what_to_do(library):
    master = titles()

    def view(request):
        from django.http import HttpResponse

        answer = master.map_reduce(request, at="/own")
        return HttpResponse(answer.body, status=answer.status_code)

    view.csrf_exempt = True
    own = type("Urls", (), {"urlpatterns": [path("own/jobs", view)]})
    with override_settings(ROOT_URLCONF=own, MIDDLEWARE=[f"{__name__}.ann"]):
        answer = Client(**HOST).post("/own/jobs", "{}", content_type="application/json")
        assert answer.status_code == 409
        assert "httpmr.contrib.django.urls" in answer.content.decode()


def test_it_is_mounted_anywhere_and_several_at_once(library):
    with mounted(httpmr.Site([titles()]), ann, at="a/<slug:shop>/mr/"):
        web = Client(SCRIPT_NAME="/below", **HOST)
        assert "/below/a/b/mr/titles" in web.get("/a/b/mr/").content.decode()
        made = web.post("/a/b/mr/titles/jobs", "{}", content_type="application/json")
        assert made.json()["url"].startswith("http://localhost/below/a/b/mr/titles/")


def test_links_need_no_login_but_the_console_does(library):
    master = titles()
    job = master.start()
    with mounted(master, anonymous, login_is_required):
        web = Client(**HOST)
        assert web.get("/jobs/").status_code == 403
        drive(web, master.link("drive", "/jobs", job) + "/drive")
        assert job.state == "done"


@pytest.mark.parametrize(
    ("user", "may"),
    [
        ({"is_active": True, "is_staff": True}, True),
        ({"is_active": False, "is_staff": True}, False),
        ({"is_active": True, "is_staff": False}, False),
    ],
)
def test_staff_is_who_may_use_the_admin(user, may):
    asked = SimpleNamespace(
        environ={"httpmr.request": SimpleNamespace(user=SimpleNamespace(**user))}
    )
    assert bool(staff(asked)) == may


def test_a_body_that_the_site_has_read_is_there_still(library):
    with mounted(titles(), ann, reads_bodies):
        web = Client(**HOST)
        assert web.post("/jobs/jobs", "{}", content_type="application/json").status_code == 201


def test_under_asgi(library):
    master = titles(store="memory:")
    job = master.run()
    with mounted(master, ann):
        web = AsyncClient(headers={"host": "localhost"})

        async def ask():
            page = await web.get("/jobs/")
            made = await web.post("/jobs/jobs", "{}", content_type="application/json")
            rows = await web.get(master.link("view", "/jobs", job) + "/output.jsonl")
            return page, made, rows.content

        page, made, rows = async_to_sync(ask)()
    assert "titles" in page.content.decode()
    assert made.status_code == 201
    assert [json.loads(row) for row in rows.splitlines()] == [[f"t{n}", 25] for n in range(4)]


class Long(Mounted):
    """What answers in pieces, as a download does."""

    def answer(self, environ):
        return Response(app_iter=(b"%d" % n for n in range(5)), content_type="text/csv")


def test_what_is_long_is_streamed():
    with mounted(Long()):
        answer = Client(**HOST).get("/jobs/")
        assert (answer.streaming, answer.getvalue()) == (True, b"01234")
        assert answer["Content-Type"].startswith("text/csv")

        async def ask():
            answer = await AsyncClient(headers={"host": "localhost"}).get("/jobs/")
            return [part async for part in answer.streaming_content]

        assert async_to_sync(ask)() == [b"0", b"1", b"2", b"3", b"4"]


def test_what_cannot_be_mounted_is_told():
    with pytest.raises(RecipeError, match=r"urls\(\) takes a Master or a Site"):
        urls(titles)


# In the site's own tests


def test_a_job_in_a_testcase_sees_what_it_made_and_is_undone_with_it(library):
    seen = []

    class Case(TestCase):
        def test_it(self):
            Book.objects.create(title="t9", code="new")
            sink = sinks.DjangoModel(Word, key="word", value="count")
            job = titles(sink=sink).run()
            seen.append((job.state, dict(Word.objects.values_list("word", "count"))))
            assert sink.joins(DjangoStore())

        test_again = test_it

    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(Case).run(result)
    assert result.wasSuccessful(), [*result.errors, *result.failures]
    assert seen == [("done", {**{f"t{n}": 25 for n in range(4)}, "t9": 1})] * 2
    assert Word.objects.count() == 0
    assert "httpmr" not in connections["default"].introspection.table_names()


# From the command line

SETTINGS = """
SECRET_KEY = "x"
INSTALLED_APPS = ["django.contrib.contenttypes"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "site.db"}}
"""

JOBS = """
import httpmr
from django.contrib.contenttypes.models import ContentType
from httpmr import reducers, sources
kinds = httpmr.Master(
    "kinds", source=sources.DjangoQuerySet("contenttypes.ContentType"),
    mapper=lambda key, kind: [(kind.app_label, 1)], reducer=reducers.Sum(), store="django:",
)
"""


def httpmr_run(folder, settings):
    command = [sys.executable, "-m", "httpmr", "run", "jobs.py"]
    env = {"PYTHONPATH": str(ROOT), "DJANGO_SETTINGS_MODULE": settings}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=60)


def test_commands_set_up_the_site(tmp_path):
    Path(tmp_path, "shop.py").write_text(SETTINGS)
    Path(tmp_path, "jobs.py").write_text(JOBS)
    migrate = [sys.executable, "-m", "django", "migrate", "--settings=shop", "-v0"]
    subprocess.run(migrate, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, check=True, timeout=60)
    ran = httpmr_run(tmp_path, "shop")
    assert ran.stdout.split() == ["contenttypes", "1"], ran.stderr
    wrong = httpmr_run(tmp_path, "nowhere")
    assert wrong.returncode != 0
    assert "No module named 'nowhere'" in wrong.stderr
    assert "Traceback" not in wrong.stderr
