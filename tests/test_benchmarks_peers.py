"""What stands beside httpmr in the benchmarks gives what the loop gives, and is measured whole."""

import os
import subprocess
import sys

import pytest
from test_benchmarks import INPUTS

from benchmarks import loops
from benchmarks.measure import ROOT, module, said
from benchmarks.peers import PEERS, Peer, results


@pytest.mark.parametrize("workload", INPUTS)
@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.module)
def test_each_peer_gives_what_the_loop_gives(peer, workload, tmp_path):
    if missing := peer.missing():
        pytest.skip(f"not installed: {', '.join(missing)}")
    if "spark" in peer.module and not os.environ.get("HTTPMR_TEST_FULL"):
        pytest.skip("Spark takes minutes: HTTPMR_TEST_FULL=1 runs it")
    source, expected, result = tmp_path / "input", tmp_path / "expected", tmp_path / "result"
    INPUTS[workload](source)
    loops.LOOPS[workload](source, expected)
    said(module(f"peers.{peer.module}", workload, source, result))
    assert results.same(workload, result, expected)


def test_what_needs_nothing_is_never_left_out():
    """So that a machine without any framework still holds one peer to the loop."""
    assert [peer.module for peer in PEERS if not peer.libraries] == ["by_hand"]
    assert not PEERS[0].missing()


@pytest.mark.parametrize("workload", INPUTS)
def test_another_result_is_not_the_same(workload, tmp_path):
    source, expected, result = tmp_path / "input", tmp_path / "expected", tmp_path / "result"
    INPUTS[workload](source)
    loops.LOOPS[workload](source, expected)
    if workload == "group by":
        results.table(result, [("AA", "D0", 1.0, 2)])
    else:
        lines = expected.read_text().splitlines(keepends=True)
        result.write_text("".join(lines[:-1]))
    assert not results.same(workload, result, expected)


def benchmarks(peers, *arguments):
    """Run the benchmarks with other peers, and nothing of httpmr's own."""
    command = (
        "import sys\n"
        "from benchmarks import __main__ as command\n"
        "from benchmarks.peers import Peer\n"
        f"command.OURS, command.PEERS = {{}}, {peers!r}\n"
        "command.main()"
    )
    return subprocess.run(
        [sys.executable, "-c", command, "--only=group by", "--scale=0", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )


def test_a_peer_has_a_line_in_the_table():
    ended = benchmarks(PEERS[:1], "--peers")
    assert ended.returncode == 0, ended.stderr
    *_, loop, peer = ended.stdout.splitlines()
    assert loop.startswith("  the hand-written loop      wall  1.00   cpu  1.00")
    assert peer.startswith("  multiprocessing by hand, 2 wall")


def test_peers_are_run_only_where_asked_for():
    ended = benchmarks((Peer("nobody", "by_hand"),))
    assert ended.returncode == 0, ended.stderr
    assert "nobody" not in ended.stdout


def test_what_is_not_installed_is_left_out_with_the_reason():
    ended = benchmarks((Peer("nobody", "by_hand", ("a_library",), ("a-program",)),), "--peers")
    assert ended.returncode == 0, ended.stderr
    assert "left out: nobody (not installed: a_library, a-program)\n" in ended.stdout
    assert "  nobody" not in ended.stdout


@pytest.mark.parametrize(
    "peer, reason",
    [
        (Peer("breaks", "no_module"), "ended with 1"),
        (Peer("gives nothing", "divided"), "returned non-zero exit status 1"),
    ],
    ids=["breaks", "gives nothing"],
)
def test_a_peer_that_fails_is_named_and_the_others_go_on(peer, reason):
    ended = benchmarks((peer, PEERS[0]), "--peers")
    assert ended.returncode == 1
    named, _, last = ended.stdout.splitlines()[-3:]
    assert named.startswith(f"  {peer.name}: ")
    assert reason in named
    assert last.startswith("  multiprocessing by hand, 2 wall")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux gives what is left to another")
def test_what_a_command_leaves_behind_counts_too():
    burn = "import time\nwhile time.process_time() < 0.5: pass"
    leave = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {burn!r}])"
    measure = (
        "import sys\n"
        "from benchmarks.peers.orphans import run_with_orphans\n"
        f"print(run_with_orphans([sys.executable, '-c', {leave!r}]).cpu)"
    )
    assert float(said([sys.executable, "-c", measure])) >= 0.5
