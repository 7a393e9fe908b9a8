"""Under the servers themselves: gunicorn and uWSGI, which fork after the Master is made, waitress
and uvicorn. Each drives a whole job in two lanes."""

import http.client
import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from docslib import ROOT
from stories.servers import free_port

from httpmr import driver

UWSGI = shutil.which("uwsgi", path=str(Path(sys.executable).parent)) or shutil.which("uwsgi")

SITE = """
import os
import httpmr
from httpmr import sources, sql

def words(key, line):
    for word in line.split():
        yield word, 1

def total(key, values):
    yield key, sum(values)

def staff(request):
    return "ann" if request.headers.get("X-Key") == "sesame" else None

LINES = {n: "der Bär " + " ".join(f"w{n}.{k}" for k in range(150)) for n in range(40)}
wordcount = httpmr.Master(
    "wordcount", source=sources.Memory(LINES), mapper=words, reducer=total,
    store=os.environ["STORE"], authorize=staff, num_mappers=2, num_reducers=2,
)
wordcount.jobs()  # so that there are connections before the workers are forked

def who(start_response):
    sessions = []
    for used in (sql.reading, sql.writing):
        with used(sql.engine(os.environ["STORE"])) as connection:
            sessions.append(connection.exec_driver_sql("SELECT pg_backend_pid()").scalar())
    start_response("200 OK", [("Content-Type", "text/plain")])
    return ["{} {} {}".format(os.getpid(), *sessions).encode()]

def application(environ, start_response):
    if environ["PATH_INFO"] == "/who":
        return who(start_response)
    if environ["PATH_INFO"].startswith("/mr"):
        environ["SCRIPT_NAME"], environ["PATH_INFO"] = "/mr", environ["PATH_INFO"][3:]
    return wordcount(environ, start_response)

def asgi():
    from a2wsgi import WSGIMiddleware
    from fastapi import FastAPI
    app = FastAPI()
    app.mount("/mr", WSGIMiddleware(wordcount))
    return app
"""

SERVERS = {
    "gunicorn": "{python} -m gunicorn --preload --workers=2 --threads=2 --bind=127.0.0.1:{port} "
    "--graceful-timeout=1 --log-level=error site_of_test:application",
    "uwsgi": "{uwsgi} --master --processes=2 --http-socket=127.0.0.1:{port} --need-app "
    "--wsgi-file=site_of_test.py --die-on-term --disable-logging",
    "waitress": "{python} -m waitress --listen=127.0.0.1:{port} --url-prefix=/mr "
    "site_of_test:wordcount",
    "uvicorn": "{python} -m uvicorn --factory --port={port} --log-level=error site_of_test:asgi",
}


@contextmanager
def serving(server, store, folder):
    """Serve the site above in a process of its own; yield http://host:port."""
    (folder / "site_of_test.py").write_text(SITE)
    port = free_port()
    names = {"python": sys.executable, "uwsgi": UWSGI, "port": port}
    command = [part.format(**names) for part in SERVERS[server].split()]
    environ = {**os.environ, "STORE": store}
    environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(folder)])
    log = (folder / "log").open("wb")
    process = subprocess.Popen(
        command, cwd=folder, env=environ, stdout=log, stderr=log, start_new_session=True
    )
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                ask(address, "GET", "/mr")
                break
            except OSError:
                said = (folder / "log").read_text(errors="replace")
                assert process.poll() is None and time.monotonic() < deadline, said
                time.sleep(0.05)
        yield address
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()


def ask(address, method, path, body=None, **headers):
    """Return (status, headers, body) of one request, whose redirects are not followed."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=30)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("server", SERVERS)
def test_a_whole_job(server, database_url, tmp_path):
    if server == "uwsgi" and not UWSGI:
        pytest.skip("no uwsgi: pip install pyuwsgi")
    with serving(server, database_url, tmp_path) as address:
        if server in ("gunicorn", "uwsgi"):
            no_connection_is_used_by_two(address)
        status, headers, _ = ask(address, "GET", "/mr")
        assert (status, urlsplit(headers["Location"]).path) in [(303, "/mr/"), (307, "/mr/")]
        assert ask(address, "GET", "/mr/")[0] == 403
        kind = {"Content-Type": "application/json"}
        refused = ask(address, "POST", "/mr/jobs", b"{}", **kind)
        assert refused[0] == 403
        status, _, body = ask(address, "POST", "/mr/jobs", b"{}", **kind, **{"X-Key": "sesame"})
        assert status == 201
        links = json.loads(body)
        assert links["url"].startswith(f"{address}/mr/")
        drive = urlsplit(links["drive"]).path
        status, _, body = ask(address, "HEAD", drive)
        assert (status, body) == (200, b"")
        assert driver.drive(links["drive"], 2)["state"] == "done"

        output = urlsplit(links["url"]).path + "output"
        status, headers, body = ask(address, "GET", f"{output}.jsonl")
        rows = dict(map(json.loads, body.splitlines()))
        assert status == 200 and len(rows) == 2 + 40 * 150
        assert (rows["der"], rows["Bär"], rows["w39.149"]) == (40, 40, 1)
        assert len(body) > 64 * 1024 and headers["Content-Length"] is None  # it was streamed
        status, _, body = ask(address, "GET", f"{output}?key=B%C3%A4r", Accept="application/json")
        assert json.loads(body) == {"key": "Bär", "values": [40]}
        page = ask(address, "GET", f"{output}?key=B%C3%A4r", Accept="text/html")[2]
        assert "Bär" in page.decode()
        assert ask(address, "GET", f"{output}/")[0] == 404


def no_connection_is_used_by_two(address):
    """Of what was connected before the fork, workers may use nothing."""
    sessions, deadline = {}, time.monotonic() + 20
    while len(sessions) < 2 and time.monotonic() < deadline:
        for process, *its in map(bytes.split, several(address, "/who", 8)):
            sessions.setdefault(process, set()).update(its)
    one, other = sessions.values()
    assert not one & other


def several(address, path, many):
    """Ask so many times at once, so that each worker is met."""
    there = [http.client.HTTPConnection(urlsplit(address).netloc, timeout=30) for _ in range(many)]
    for connection in there:
        connection.request("GET", path)
    found = [connection.getresponse().read() for connection in there]
    for connection in there:
        connection.close()
    return found
