"""What the queue costs beside the physical limit and its peers: putting, claiming, long backlogs, starting, memory."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from tests.benchmarks.commands import initialised
from tests.benchmarks.measure import Row
from tests.benchmarks.queue_adapter import Sixthbot
from tests.benchmarks.queue_peers import PEERS, Limit, Peer, installed

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence
    from multiprocessing.queues import Queue as Pipe

_Name = TypeVar("_Name", bound="Hashable")

PYTHON = sys.executable
_PUTS, _CLAIMS, _BATCH = 100, 1_200, 32
_LONG, _SHORT = 100_000, 1_000


def rows(folder: Path, *, rounds: int) -> Iterator[Row]:
    """Measure in scratch folders below `folder`, in at most seven interleaved rounds."""
    rounds = min(rounds, 7)
    yield from _putting(folder, rounds)
    yield from _claiming(folder, rounds)
    yield from _backlogs(folder)
    yield from _watching(folder)
    yield from _recording(folder, rounds)


def payload(number: int) -> bytes:
    """Return the bytes of one item: 500 of them."""
    return b"%09d|" % number + b"x" * 490


def _scratch(folder: Path) -> str:
    return tempfile.mkdtemp(dir=folder)


def _medians(cells: dict[_Name, Callable[[], float]], rounds: int) -> dict[_Name, float]:
    """Return the median of each cell, measured in turns so that noise hits all alike."""
    seen: dict[_Name, list[float]] = {name: [] for name in cells}
    for _ in range(rounds):
        for name, cell in cells.items():
            seen[name].append(cell())
    return {name: statistics.median(values) for name, values in seen.items()}


def _putting(folder: Path, rounds: int) -> Iterator[Row]:
    """Put in turns, one item each: a disk that others use, too, is fast in one moment and slow in the next."""
    peers = {name: peer for name, peer in PEERS.items() if installed(peer) and True in peer.FSYNC}
    every: dict[str, type[Peer]] = {"limit": Limit, "sixthbot": Sixthbot, **peers}
    queues = {name: peer(_scratch(folder), fsync=True) for name, peer in every.items()}
    batches = Sixthbot(_scratch(folder), fsync=True)
    spent: dict[str, list[float]] = {name: [] for name in (*every, "batches")}
    for number in range(_PUTS * rounds):
        for name, queue in queues.items():
            spent[name].append(_seconds(partial(queue.put, payload(number))))
        if number % _BATCH == 0:
            lot = [payload(number + more) for more in range(_BATCH)]
            spent["batches"].append(_seconds(partial(batches.put_many, lot)) / _BATCH)
    rate = {name: len(times) / sum(times) for name, times in spent.items()}
    one, many = rate["sixthbot"] / rate["limit"], rate["batches"] / rate["limit"]
    yield Row(
        "durable put, one by one: rate / limit (create, fsync, rename, fsync of the folder)",
        f"{one:.2f} ({rate['sixthbot']:.0f}/s)", "at least 0.9", one >= 0.9,
    )  # fmt: skip
    yield Row("durable put in batches of 32: rate / the same limit", f"{many:.1f}", "at least 3", many >= 3)
    yield from _beside("durable put, rate / limit", peers, rate)


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _beside(what: str, names: Sequence[str] | dict[str, type[Peer]], rate: dict[str, float]) -> Iterator[Row]:
    for name in names:
        yield Row(f"beside it: {name}, {what}", f"{rate[name] / rate['limit']:.2f}", "", holds=True)


def _claiming(folder: Path, rounds: int) -> Iterator[Row]:
    peers = {name: peer for name, peer in PEERS.items() if installed(peer) and peer.PROCESSES}
    every: dict[str, type[Peer]] = {"limit": Limit, "sixthbot": Sixthbot, **peers}
    wrong: dict[str, int] = dict.fromkeys(every, 0)

    def drain(name: str, workers: int) -> float:
        rate, bad = _drain(every[name], _scratch(folder), workers)
        wrong[name] += bad
        return rate

    # one and four in turns, too: between two moments of a shared machine there is more than between them
    cells: dict[tuple[str, int], Callable[[], float]] = {
        (name, workers): partial(drain, name, workers) for name in every for workers in (1, 4)
    }
    rate = _medians(cells, rounds)
    one, four = ({name: rate[name, workers] for name in every} for workers in (1, 4))
    ratio, scale = one["sixthbot"] / one["limit"], four["sixthbot"] / one["sixthbot"]
    yield Row(
        "claim and ack without fsync: rate / limit (rename, read, unlink)",
        f"{ratio:.2f} ({one['sixthbot']:.0f}/s)", "at least 1", ratio >= 1,
    )  # fmt: skip
    cores = os.cpu_count() or 1
    wanted = min(3.0, 0.75 * cores)
    yield Row(
        f"claim and ack, four processes / one, on {cores} cores", f"{scale:.1f}",
        "at least 3" if wanted >= 3 else f"at least {wanted} (3 needs four cores)", scale >= wanted,
    )  # fmt: skip
    allowed = four["limit"] / one["limit"]
    yield Row("beside it: the limit itself, four processes / one", f"{allowed:.1f}", "", holds=True)
    bad = wrong["sixthbot"]
    yield Row("tasks claimed twice or never in all that", str(bad), "0", bad == 0)
    yield from _beside("claim and ack, rate / limit", peers, one)
    for name in peers:
        if wrong[name]:
            yield Row(f"beside it: {name}, claimed twice or never", str(wrong[name]), "", holds=True)


def _drain(peer: type[Peer], place: str, workers: int) -> tuple[float, int]:
    """Fill a queue and let processes empty it; return items a second, and how many came twice or never."""
    queue = peer(place, fsync=False not in peer.FSYNC)
    for number in range(_CLAIMS):
        queue.put(payload(number))
    os.sync()
    context = multiprocessing.get_context("fork")
    go, results = context.Event(), context.Queue()
    processes = [context.Process(target=_work, args=(peer, place, go, results)) for _ in range(workers)]
    for process in processes:
        process.start()
    time.sleep(0.3)
    go.set()
    found = [results.get(timeout=120) for _ in processes]
    for process in processes:
        process.join()
    got = [number for numbers, _, _ in found for number in numbers]
    span = max(ended for _, _, ended in found) - min(began for _, began, _ in found)
    shutil.rmtree(place, ignore_errors=True)
    return len(got) / span, len(got) - len(set(got)) + _CLAIMS - len(set(got))


def _work(peer: type[Peer], place: str, go: object, results: Pipe[tuple[list[int], float, float]]) -> None:
    queue = peer(place, fsync=False not in peer.FSYNC)
    go.wait()  # type: ignore[attr-defined]
    began, got = time.monotonic(), []
    while (item := queue.claim()) is not None:
        queue.ack(item[0])
        got.append(int(item[1][:9]))
    results.put((got, began, time.monotonic()))


def _backlogs(folder: Path) -> Iterator[Row]:
    place = _scratch(folder)
    queue, put, cost = Sixthbot(place, fsync=False), 0, {}
    for backlog in (_SHORT, _LONG):
        while put < backlog:
            queue.put_many([payload(number) for number in range(put, min(put + 256, backlog))])
            put += 256
        os.sync()  # the disk is still at work on what was put, and that is no part of a claim
        fresh, times = Sixthbot(place, fsync=False), []
        for _ in range(300):
            started = time.perf_counter()
            item = fresh.claim()
            assert item is not None
            fresh.ack(item[0])
            times.append(1000 * (time.perf_counter() - started))
        put -= 300
        cost[backlog] = (times[0], statistics.median(times[1:]), statistics.mean(times[1:]))
    for what, at in (("median", 1), ("mean, so nothing is hidden between", 2)):
        ratio = cost[_LONG][at] / cost[_SHORT][at]
        yield Row(
            f"a claim with 100,000 ready / with 1,000, {what}",
            f"{ratio:.2f} ({cost[_LONG][at]:.2f} ms; the first of a process {cost[_LONG][0]:.0f} ms)",
            "at most 2", ratio <= 2,
        )  # fmt: skip


_RULE = (
    '[[rule]]\nname = "bench"\non = "commit"\ndo = [{ use = "notify", text = "seen" }]\nmode = "parallel"\n'
)


def _watching(folder: Path) -> Iterator[Row]:
    """Start a real `watch` on queues of two lengths, all of them in lanes that are paused but for the last task."""
    for count, what in ((10_000, "ready"), (_LONG, "memory")):
        repo = folder / f"watch-{count}"
        initialised(repo)
        (repo / ".sixth/rules/bench.toml").write_text(_RULE)
        subprocess.run([PYTHON, "-m", "sixthbot", "-q", "trust", "--yes"], cwd=repo, check=True)
        queue = Sixthbot(str(repo / ".sixth"), fsync=False)
        for lot in range(0, count, 256):
            queue.put_many([payload(number) for number in range(lot, min(lot + 256, count))])
        started = time.perf_counter()
        bot = subprocess.Popen(
            [PYTHON, "-m", "sixthbot", "-q", "watch"],
            cwd=repo,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            while (
                not any((repo / ".sixth/queue/running").glob("*/*.json"))
                and time.perf_counter() < started + 60
            ):
                time.sleep(0.005)
            ready = time.perf_counter() - started
            time.sleep(0 if what == "ready" else 10)
            status = Path(f"/proc/{bot.pid}/status").read_text().split()
        finally:
            bot.send_signal(signal.SIGTERM)
            bot.wait(20)
        if what == "ready":
            yield Row(
                "`watch` started with 10,000 ready: first task claimed after",
                f"{ready:.1f} s",
                "under 3 s",
                ready < 3,
            )
        else:
            most = int(status[status.index("VmHWM:") + 1]) / 1024
            yield Row(
                "memory of `watch` with 100,000 ready, at its most",
                f"{most:.0f} MB",
                "under 150 MB",
                most < 150,
            )


def _recording(folder: Path, rounds: int) -> Iterator[Row]:
    """Compare an issue's one subtask, from its file to its draft, with what the records of it cost."""
    from tests.benchmarks.recording import share  # noqa: PLC0415 - it loads all of the bot

    found = statistics.median(share(Path(_scratch(folder))) for _ in range(min(rounds, 3)))
    yield Row(
        "writing operations and journal, of an issue with one subtask",
        f"{100 * found:.1f} %",
        "at most 5 %",
        found <= 0.05,
    )
