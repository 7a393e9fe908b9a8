"""The founders' example, as they meant it to run: several machines, one store, and a web spider.

Documents in a table become an index of tokens in another. A load balancer sends each request to
any machine; `wget -r` follows the links.
"""

import random

import pytest
import sqlalchemy as sa
from proxies import Balancer, through
from servers import fetched
from test_every_way import drive, here, wget_r

from httpmr import sql

WORDS = [f"word{n}" for n in range(20)]
DOCUMENTS = 400


@pytest.fixture
def documents(database_url):
    """A table of documents, and one for their index, whose rows may not come twice."""
    rng = random.Random(2008)
    rows = [
        {"title": f"d{n:04}", "contents": "  ".join(rng.choices(WORDS, k=30))}
        for n in range(DOCUMENTS)
    ]
    meta, text = sa.MetaData(), sa.String(5000)
    table = sa.Table(
        "documents",
        meta,
        sa.Column("title", sa.String(20), primary_key=True),
        sa.Column("contents", text, nullable=False),
    )
    sa.Table(
        "document_index",
        meta,
        sa.Column("token", sa.String(20), primary_key=True),
        sa.Column("titles", text, nullable=False),
    )
    with sql.writing(sql.engine(database_url)) as connection:
        meta.create_all(connection)
        connection.execute(table.insert(), rows)
    return rows


def indexed(database_url):
    with sql.reading(sql.engine(database_url)) as connection:
        found = connection.exec_driver_sql("SELECT token, titles FROM document_index")
        return {token: titles.split() for token, titles in found}


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql", "mariadb"], indirect=True)
def test_an_index_of_documents_by_a_spider_over_a_load_balancer(
    site, documents, database_url, tmp_path
):
    """Three machines of which one is lost on the way, a spider and a driver of ours."""
    expected = {}
    for row in documents:
        for token in set(row["contents"].split()):
            expected.setdefault(token, []).append(row["title"])
    machines = [site(store=database_url) for _ in range(3)]
    balancer = Balancer([machine.port for machine in machines], random.Random(3))
    job = machines[0].begin("founders")
    balanced = through(job, balancer)
    drivers = [drive(balanced, tmp_path)]
    if here("wget"):
        drivers.append(wget_r(balanced, tmp_path))
    while not balancer.served[machines[2].port]:
        assert drivers[0].poll() is None
    machines[2].kill()
    assert [driver.wait(120) for driver in drivers] == [0] * len(drivers)
    balancer.close()
    status = fetched(job["status"])
    assert (status["state"], status["records"]) == ("done", DOCUMENTS)
    assert indexed(database_url) == expected
    assert all(balancer.served[machine.port] for machine in machines)
