"""Trying a recipe from the console: a page that shows records, pairs and results side by side."""

from weblib import client, master, stranger

from httpmr.sources import TextFiles
from httpmr.stores import MemoryStore


def dump(store):
    return dict(store.scan(b"", b"\xff"))


def csrf(web):
    return {"csrf": web.get("/").forms[0]["csrf"].value}


def test_the_page_shows_records_pairs_and_results_and_nothing_is_written():
    store = MemoryStore()
    web = client(master(store=store))
    sent = csrf(web)
    before = dump(store)
    page = web.post("/sample", sent)
    assert dump(store) == before
    assert "12 records emit 60 pairs, which come to 6 results; nothing was written" in page
    assert "the cat 1 the hat" in page and "counted: lines 12" in page
    results = page.html.find("h2", string="Results").find_next("table")
    assert results.find("th", string="hat").find_next("td").text == "12"
    assert page.html.find("button", string="Try again")


def test_where_there_are_many_it_says_how_many_more():
    web = client(master({n: f"word{n}" for n in range(70)}))
    page = web.post("/sample", csrf(web))
    assert page.text.count("and 20 more") == 2


def test_what_failed_is_told_and_escaped():
    def mapper(key, line):
        if key == 3:
            raise ValueError("<img src=x onerror=alert(1)>")
        yield line, 1

    web = client(master(mapper=mapper))
    page = web.post("/sample", csrf(web))
    assert "&lt;img src=x onerror=alert(1)&gt;" in page and "<img" not in page
    assert "What failed" in page and "raise ValueError" in page


def test_programs_get_it_as_json():
    web = client(master())
    came = web.post_json("/sample", {}, headers={"Accept": "application/json"}).json
    assert came["records"][0] == {
        "key": 0,
        "value": "the cat 0 the hat",
        "pairs": [["the", 1], ["cat", 1], ["0", 1], ["the", 1], ["hat", 1]],
        "error": None,
    }
    assert came["results"][0] == ["0", 4]
    assert came["total"] == 12 and came["cut"] is None and came["bad_groups"] == []


def test_it_is_for_operators_and_meant():
    web = client(master())
    assert stranger(master()).post("/sample", status=403)
    assert "form is not of today" in web.post("/sample", {"csrf": "no"}, status=403)
    web.get("/sample", status=405)


def test_a_source_that_cannot_be_read_is_told_in_one_line(tmp_path):
    made = master(source=TextFiles(str(tmp_path / "none*.txt")))
    web = client(made)
    refused = web.post("/sample", csrf(web), status=409)
    assert "none*.txt" in refused and "Traceback" not in refused
