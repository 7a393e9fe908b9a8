"""A store may be far away: how often a request asks it for the job's record."""

from urllib.parse import urlsplit

import pytest
from weblib import client, master, one_by_one

from httpmr.ledger.places import job_key
from httpmr.stores import MemoryStore


class Counting(MemoryStore):
    """A store that counts how often each key is read."""

    def __init__(self):
        super().__init__()
        self.read = []

    def get(self, keys):
        self.read.extend(keys)
        return super().get(keys)


@pytest.mark.parametrize("way", ["step", "go"])
def test_a_slice_takes_one_read_of_the_job(way):
    store = Counting()
    made = one_by_one(master(store=store))
    made.clock = lambda: 1000.0
    web = client(made)
    job = made.start()
    drive = made.link("drive", job=job) + "/drive"
    url = urlsplit(web.get(drive).headers["Location"]).path
    reads = []
    while made.jobs()[0].record.phase != "reduce":
        store.read.clear()
        if way == "step":
            web.post(drive.replace("/drive", "/step"))
        else:
            answer = web.get(url)
            if answer.status_int != 303:
                break
            url = urlsplit(answer.headers["Location"]).path
        reads.append(store.read.count(job_key("wordcount", job.id)))
    assert len(reads) > 10
    # The first step of all shows the status too, which it keeps for a while.
    assert set(reads[1:]) == {1}
