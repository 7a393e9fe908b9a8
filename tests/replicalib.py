"""What the tests of replicas share: a primary, and replicas that ask it without a network."""

from faults import Clock
from webtest import TestApp

from httpmr import codec
from httpmr.budget import Budget
from httpmr.replica.remote import Remote, where
from httpmr.replica.work import Replica
from httpmr.stores import MemoryStore
from httpmr.web import Master

TYPE = "application/octet-stream"


def words(key, line):
    for word in line.split():
        yield word, 1


def total(key, values):
    yield key, sum(values)


def primary(**settings):
    """A Master whose store's clock stands still, unless a test moves it: `made.clock_`."""
    clock = Clock()
    made = Master(
        **{
            "name": "words",
            "mapper": words,
            "reducer": total,
            "store": MemoryStore(clock=clock),
            "num_mappers": 3,
            "num_reducers": 2,
            "version": "1",
        }
        | settings
    )
    made.store_clock = clock
    made.work.links.make("replica")
    return made


def link(made):
    return f"http://localhost{made.link('replica')}"


class Wire(Remote):
    """A Remote whose requests go to a Master in this process.

    `faults` is {number of the request: what}: "cut" = it never comes there, "deaf" = its answer
    never comes back; or a function that is called before.
    """

    def __init__(self, made, name="ann", **faults):
        self.slept = []
        super().__init__(where(link(made)), name, sleep=self.slept.append)
        self.web = TestApp(made, extra_environ={"REMOTE_ADDR": "203.0.113.9"})
        self.said = []
        self.faults = faults.get("faults", {})

    def _sent(self, verb, raw, seconds):
        self.said.append(verb)
        fault = self.faults.get(len(self.said))
        if callable(fault):
            fault()
        if fault == "cut":
            raise ConnectionRefusedError("cut")
        path = f"{self.at.path}/{self.name}/{verb}"
        told = self.web.post(path, raw, {"Content-Type": TYPE}, expect_errors=True)
        if fault == "deaf":
            raise ConnectionResetError("deaf")
        return told.status_int, told.body


def replica(made, name="ann", recipe=None, reach="", records=None, faults=None):
    """A replica of the Master; slices of so many records, if that is said."""
    wire = Wire(made, name, faults=faults or {})
    found = Replica(recipe or made.recipe, wire, reach, sleep=wire.slept.append)
    if records:
        found.tuned.budget = lambda task, began, clock: Budget.records(records)
    return found


def together(*replicas, most=5000):
    """Let replicas step in turns until none has anything to do; return what they did."""
    did, idle = [], 0
    while idle < len(replicas):
        for one in replicas:
            did.append(one.step())
            idle = 0 if did[-1] in ("leased", "slice", "lost") else idle + 1
        assert len(did) < most, "the job goes on for ever"
    return did


def post(made, verb, said, name="ann", token=None, raw=None):
    """Post what a replica would, or would not; return (status, answer)."""
    web = TestApp(made, extra_environ={"REMOTE_ADDR": "203.0.113.9"})
    path = f"/replica/{token}/{name}/{verb}" if token else f"{made.link('replica')}/{name}/{verb}"
    body = codec.dumps(said) if raw is None else raw
    told = web.post(path, body, {"Content-Type": TYPE}, expect_errors=True)
    ok = told.status_int == 200
    return told.status_int, codec.loads(told.body) if ok else told.json["error"]


def hello(state="ready", **more):
    return {"state": state, "slices": 0, "records": 0, "errors": 0, **more}
