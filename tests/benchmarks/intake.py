"""What it costs to see what happens: hooks, the inbox, commits, idling, a burst of files, very many refs, hostile files."""

from __future__ import annotations

import ctypes
import json
import os
import re
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sixthbot.git.run import Git
from sixthbot.sources.inbox import Inbox
from sixthbot.sources.refs import OwnMoves, RefsContext, events_between
from sixthbot.sources.tracker import RefsTracker
from sixthbot.store.locks import held_by
from sixthbot.store.open import open_store
from sixthbot.store.paths import locate
from tests.benchmarks import hooks
from tests.benchmarks.commands import on_commit
from tests.benchmarks.measure import Row
from tests.hostile.inbox_cases import cases

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sixthbot.store.open import Store

PYTHON = sys.executable
_FILES, _COMMITS, _BURST = 60, 40, 10_000
_IDLE, _CALM = 60.0, 75.0
"""Seconds for which idling is measured, and before that: an idle bot looks more and more seldom, up to every 30 s."""
_CREATED, _MOVED_TO = 0x100, 0x80
_READY = 1.0
"""Seconds without any work after which a watcher that was started has come to rest."""


def rows(folder: Path, *, rounds: int) -> Iterator[Row]:
    """Measure in scratch repositories below `folder`; commits and commands are compared over so many rounds."""
    (folder / "hooks").mkdir()
    yield from hooks.rows(folder / "hooks", rounds=rounds)
    repo = repository(folder / "repo")
    yield from on_commit(repo, rounds)
    yield from _inbox(repo)
    yield _commit_to_event(repo)
    yield from _idle(repository(folder / "big", folders=13_000))
    yield _idle_without_inotify(repository(folder / "polled"))
    yield from _burst(repository(folder / "burst"))
    yield from _many_refs(repository(folder / "refs"))
    yield from _hostile(repository(folder / "hostile"))


def _run(repo: Path, *argv: str, given: str = "") -> str:
    done = subprocess.run(argv, cwd=repo, check=True, capture_output=True, text=True, input=given)
    return done.stdout.strip()


def repository(repo: Path, *, folders: int = 0) -> Path:
    """Make a repository, perhaps one with very many folders, whose rules do nothing but notice commits and issues."""
    repo.mkdir()
    _run(repo, "git", "init", "--quiet", "--initial-branch=main")
    for number in range(folders):
        place = repo / f"d{number // 100}" / f"s{number % 100}"
        place.mkdir(parents=True)
        (place / "f").touch()
    _run(repo, "git", "add", "--all")
    _commit(repo)
    _run(repo, PYTHON, "-m", "sixthbot", "init")
    rule = '[[rule]]\nname = "notice"\non = ["issue.added"]\ndo = [{ use = "notify", text = "seen" }]\n'
    (repo / ".sixth/rules").mkdir(exist_ok=True)
    (repo / ".sixth/rules/bench.toml").write_text(rule)
    (repo / ".sixth/config.toml").write_text('[rules]\ndisabled = ["work on an issue"]\n')
    _run(repo, PYTHON, "-m", "sixthbot", "trust", "--yes")
    return repo


def _commit(repo: Path) -> None:
    _run(
        repo,
        "git",
        "-c",
        "user.name=A",
        "-c",
        "user.email=a@b",
        "commit",
        "--quiet",
        "--allow-empty",
        "-m",
        "x",
    )


@contextmanager
def watcher(repo: Path, *, prefix: tuple[str, ...] = ()) -> Iterator[subprocess.Popen[bytes]]:
    """Run the bot in a process of its own for a block."""
    child = subprocess.Popen(
        [*prefix, PYTHON, "-m", "sixthbot", "-q", "watch"], cwd=repo, stderr=subprocess.DEVNULL
    )
    try:
        settle(repo, child)
        yield child
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(20)


def settle(repo: Path, child: subprocess.Popen[bytes]) -> None:
    """Wait until a watcher that was started serves and has come to rest."""
    lock = locate(repo).watch_lock
    while held_by(lock) != child.pid:
        time.sleep(0.05)
    spent = -1.0
    while spent != (spent := _cpu(child.pid)):
        time.sleep(_READY)


def _records(repo: Path) -> Iterator[dict[str, object]]:
    for path in sorted((repo / ".sixth/journal").glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            yield json.loads(line)


def _when(record: dict[str, object]) -> float:
    return datetime.fromisoformat(str(record["time"])).timestamp()


class _RawReader(threading.Thread):
    """The least that can read inotify: when each name appeared in one folder, in seconds of the epoch."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = libc.inotify_init1(os.O_CLOEXEC)
        libc.inotify_add_watch(self._descriptor, os.fsencode(folder), _CREATED | _MOVED_TO)
        self.seen: dict[str, float] = {}

    def run(self) -> None:
        while True:
            data, at = os.read(self._descriptor, 1 << 16), 0
            now = time.time()
            while at < len(data):
                _, _, _, length = struct.unpack_from("iIII", data, at)
                name = data[at + 16 : at + 16 + length].rstrip(b"\0").decode()
                self.seen.setdefault(name, now)
                at += 16 + length


def _inbox(repo: Path) -> Iterator[Row]:
    """Compare when a file is seen, and when its task is claimed, with the least that either could take."""
    inbox, raw = repo / ".sixth/inbox", _RawReader(repo / ".sixth/inbox")
    aside = repo / ".sixth/local/bench"
    aside.mkdir()
    raw.start()
    renamed: dict[str, float] = {}
    written: dict[str, float] = {}
    synced: list[float] = []
    with watcher(repo):
        for number in range(_FILES):
            name = f"r{number}.md"
            (aside / name).write_text(f"---\nid: r{number}\n---\nx\n")
            renamed[name] = time.time()
            (aside / name).rename(inbox / name)
            time.sleep(0.15)
            name = f"w{number}.md"
            (inbox / name).write_text(f"---\nid: w{number}\n---\nx\n")
            written[name] = time.time()
            time.sleep(0.25)
            synced.append(_synced_create_and_rename(aside, number))
        time.sleep(1)
    taken = {
        f"{record['issue']}.md": _when(record)
        for record in _records(repo)
        if record.get("kind") == "task.claimed"
    }
    base = statistics.median(raw.seen[name] - at for name, at in renamed.items())
    raw_written = statistics.median(max(raw.seen[name] - at, 0.0) for name, at in written.items())
    sync = statistics.median(synced)
    lost = sum(name not in taken for name in (*renamed, *written))
    if lost:
        yield Row("inbox file to claimed task", f"{lost} never claimed", "all", holds=False)
        return
    fast = statistics.median(taken[name] - at for name, at in renamed.items())
    slow = statistics.median(taken[name] - at for name, at in written.items())
    yield _ratio(
        "file renamed in, to its task claimed, median / (raw inotify + one synced create-and-rename)",
        fast,
        base + sync,
        3.0,
    )
    yield _ratio(
        "file written, to its task claimed, median / (raw inotify + 50 ms settling + one synced create-and-rename)",
        slow, raw_written + 0.05 + sync, 3.0,
    )  # fmt: skip
    yield from _seen(repo)


def _seen(repo: Path) -> Iterator[Row]:
    """Compare the waker itself, in this process, with the raw reader: rename to `wait` returning."""
    from sixthbot.sources.wake import Waker  # noqa: PLC0415 - only this row loads watchdog

    places = locate(repo)
    waker, raw = Waker(places), _RawReader(places.inbox)
    waker.start()
    raw.start()
    while waker.wait(0.3).reasons:
        pass
    ours, theirs = [], []
    for number in range(3 * _FILES):
        outside = places.local / "bench" / f"s{number}.md"
        outside.touch()
        at = time.time()
        outside.rename(places.inbox / f"s{number}.md")
        waker.wait(2)
        ours.append(time.time() - at)
        while f"s{number}.md" not in raw.seen:
            time.sleep(0.002)
        theirs.append(raw.seen[f"s{number}.md"] - at)
        (places.inbox / f"s{number}.md").unlink()
        while waker.wait(0.02).reasons:
            pass
    waker.stop()
    yield _ratio(
        "inbox file seen, median / raw inotify reader",
        statistics.median(ours),
        statistics.median(theirs),
        3.0,
    )


def _ratio(what: str, ours: float, theirs: float, most: float) -> Row:
    ratio = ours / theirs
    figure = f"{ratio:.2f} ({1000 * ours:.1f} ms / {1000 * theirs:.1f} ms)"
    return Row(what, figure, f"at most {most:g}", ratio <= most)


def _synced_create_and_rename(folder: Path, number: int) -> float:
    began = time.time()
    path = folder / f".sync{number}"
    with path.open("wb") as file:
        file.write(b"x" * 500)
        file.flush()
        os.fsync(file.fileno())
    path.rename(folder / f"sync{number}")
    descriptor = os.open(folder, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
    return time.time() - began


def _commit_to_event(repo: Path) -> Row:
    with watcher(repo):
        made: dict[str, float] = {}
        asked = []
        for _ in range(_COMMITS):
            _commit(repo)
            at = time.time()
            made[_run(repo, "git", "rev-parse", "HEAD")] = (repo / ".git/refs/heads/main").stat().st_mtime
            asked.append(time.time() - at)
            time.sleep(0.3)
        time.sleep(2)
    seen = {
        str(record["message"]).split()[2].rstrip(":"): _when(record)
        for record in _records(repo)
        if record.get("kind") == "event" and str(record["message"]).startswith("commit ")
    }
    late = [1000 * (seen[oid] - at) for oid, at in made.items() if oid in seen]
    if len(late) < _COMMITS:
        return Row("commit to its event, median", f"{_COMMITS - len(late)} never seen", "25 ms", holds=False)
    middle = statistics.median(late)
    return Row(
        "commit to its event in the journal, median", f"{middle:.0f} ms", "at most 25 ms", middle <= 25
    )


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory(pid: int) -> float:
    """Return the most memory a process ever had, in MB."""
    found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else float("inf")


def _watches(pid: int) -> int:
    texts = (path.read_text() for path in Path(f"/proc/{pid}/fdinfo").iterdir())
    return sum(text.count("inotify wd") for text in texts)


def _idle(repo: Path) -> Iterator[Row]:
    with watcher(repo) as child:
        watches = _watches(child.pid)
        yield Row(
            "kernel watches on a repository of 13,000 folders", str(watches), "at most 20", watches <= 20
        )
        yield _idling("idle on it, of one processor", child.pid, most=0.05)


def _idling(what: str, pid: int, *, most: float) -> Row:
    time.sleep(_CALM)
    before = _ran(pid)
    time.sleep(_IDLE)
    spent = _ran(pid) - before
    share = 100 * spent / _IDLE
    figure = f"{share:.2f} % ({1000 * spent:.0f} ms in {_IDLE:.0f} s)"
    return Row(what, figure, f"at most {most:g} %", share <= most)


def _ran(pid: int) -> float:
    """Return the seconds that a process ran, finer than its ticks: the scheduler's own count for each thread."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


def _idle_without_inotify(repo: Path) -> Row:
    """Let no inotify instance be left: as many as a user may have are taken, or a stand-in for the limit."""
    code = (
        "import sys; sys.argv[:] = ['sixthbot', '-q', 'watch']; from sixthbot.sources import wake\n"
        "def none_left(*_): raise OSError(24, 'inotify instance limit reached')\n"
        "wake._new_observer = none_left\n"
        "from sixthbot.cli.app import main; sys.exit(main())"
    )
    child = subprocess.Popen([PYTHON, "-c", code], cwd=repo, stderr=subprocess.DEVNULL)
    try:
        settle(repo, child)
        return _idling("idle without inotify, by polling alone, of one processor", child.pid, most=0.5)
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(20)


def _burst(repo: Path) -> Iterator[Row]:
    inbox = repo / ".sixth/inbox"
    with watcher(repo) as child:
        began, before = time.time(), _cpu(child.pid)
        for number in range(_BURST):
            good = f"---\nid: b{number}\n---\n# Issue {number}\n\n- [ ] one\n- [ ] two\n"
            (inbox / f"b{number}.md").write_text(good if number % 10 else "---\nid: ../up\n---\nx\n")
        while any(entry.name.endswith(".md") for entry in os.scandir(inbox)) and time.time() < began + 600:
            time.sleep(0.2)
        spent, work, memory = time.time() - began, _cpu(child.pid) - before, _memory(child.pid)
    accepted = sum(1 for _ in (repo / ".sixth/issues").glob("b*/issue.md"))
    rejected = sum(1 for _ in (inbox / "rejected").glob("b*.md"))
    all_there = (accepted, rejected) == (_BURST - _BURST // 10, _BURST // 10)
    figure = f"{spent:.0f} s, {work:.0f} s of them at work, {accepted} accepted, {rejected} rejected"
    yield Row(
        "10,000 files dropped at once, all classified and synced",
        figure,
        "within 60 s, none lost",
        all_there and spent <= 60,
    )
    yield Row("most memory meanwhile", f"{memory:.0f} MB", "under 200 MB", memory < 200)


def _many_refs(repo: Path) -> Iterator[Row]:
    """Fill packed-refs with 100,000 branches, then compare a look at one new commit with git's own listing."""
    head = _run(repo, "git", "rev-parse", "HEAD")
    lines = sorted(f"{head} refs/heads/team{number % 50}/b{number}" for number in range(100_000))
    (repo / ".git/packed-refs").write_text(
        "# pack-refs with: peeled fully-peeled sorted \n"
        + "\n".join(sorted(lines, key=lambda line: line[41:]))
        + "\n"
    )
    places = locate(repo)
    store, git = open_store(places), Git(places.git_dir)
    ahead = 0
    tracker = RefsTracker(now_ns=lambda: time.time_ns() + ahead)
    tracker.save(store, tracker.look(store, git))
    ahead = 3600 * 10**9  # as if everything had rested for an hour
    tracker.save(store, tracker.look(store, git))
    checks = [_timed(lambda: tracker.may_have_moved(store)) for _ in range(200)]
    yield Row(
        "100,000 branches: nothing has changed, median",
        f"{1000 * statistics.median(checks):.3f} ms",
        "under 1 ms",
        statistics.median(checks) < 0.001,
    )
    listing = [
        _timed(lambda: _run(repo, "git", "for-each-ref", "--format=%(objectname) %(refname)"))
        for _ in range(9)
    ]
    looks = []
    for _ in range(9):
        _commit(repo)
        looks.append(_timed(lambda: _look(tracker, store, git)))
    ratio = statistics.median(looks) / statistics.median(listing)
    figure = (
        f"{ratio:.2f} ({1000 * statistics.median(looks):.0f} ms / {1000 * statistics.median(listing):.0f} ms)"
    )
    yield Row(
        "a commit there found, told and stored synced, median / `git for-each-ref`",
        figure,
        "at most 1",
        ratio <= 1,
    )


def _hostile(repo: Path) -> Iterator[Row]:
    """Take every file of the hostile corpus as the bot does, each alone."""
    store = open_store(locate(repo), durability="process")
    spent = []
    for case in cases():
        try:
            (store.places.inbox / case.file_name).write_bytes(case.data)
        except (OSError, ValueError):
            continue  # a name that this file system does not take
        source = Inbox(store)
        now = datetime.now().astimezone()
        spent.append(_timed(lambda: [source.scan(now=now, tick=float(tick)) for tick in (1, 2)]))  # noqa: B023 - called at once
        for path in store.places.inbox.iterdir():
            if path.is_file():
                path.unlink()
        shutil.rmtree(store.places.issues)
        store.places.issues.mkdir()
    spent.sort()
    middle, high = spent[len(spent) // 2], spent[int(len(spent) * 0.95)]
    figure = f"{1000 * high:.0f} ms (median {1000 * middle:.0f} ms, longest {1000 * spent[-1]:.0f} ms)"
    yield Row(
        f"time for one of {len(spent)} hostile files, 95th percentile", figure, "under 50 ms", high < 0.05
    )


def _look(tracker: RefsTracker, store: Store, git: Git) -> None:
    look = tracker.look(store, git)
    context = RefsContext(
        git=git, default=None, own=OwnMoves(), own_email="", time=datetime.now().astimezone()
    )
    if look.old is None or [
        event.kind for event in events_between(context, look.old, look.new, look.moves)
    ] != ["commit"]:
        raise SystemExit("the commit was not seen")
    tracker.save(store, look)


def _timed(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return time.perf_counter() - began
