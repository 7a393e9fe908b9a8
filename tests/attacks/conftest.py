"""A site with links of every kind, and a job, for each file of attacks."""

import pytest
from attackslib import site


@pytest.fixture(scope="module")
def made():
    made = site()
    made.work.start_link()
    made.work.operate_generation(make=True)
    made.work.links.make("replica")
    return made


@pytest.fixture(scope="module")
def job(made):
    return made.start()
