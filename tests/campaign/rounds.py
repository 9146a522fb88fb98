"""One round: a scratch place, blows of chance, recovery, and a look at every promise."""

from __future__ import annotations

import random
import signal
import subprocess
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.campaign.blows import FAILS_A_STEP, KINDS
from tests.campaign.disks import Cuttable, Plain, Small
from tests.campaign.place import PREFIX, Place
from tests.campaign.promises import broken_promises

if TYPE_CHECKING:
    from collections.abc import Sequence

TOP = "/tmp"
"""Where places are made: not where a sealed home says that temporary files go."""
_RECOVERY = 240.0  # seconds for the whole recovery of one round
_DISKS = {"full-disk": Small, "power": Cuttable}


@dataclass
class Round:
    """What came of one round. `kills` counts blows by kind, `told` what people had to say afterwards."""

    seed: int
    durability: str = ""
    kills: Counter[str] = field(default_factory=Counter)
    told: Counter[str] = field(default_factory=Counter)
    issues: int = 0
    seconds: float = 0.0
    broken: list[str] = field(default_factory=list)


def play(seed: int, kinds: Sequence[str], most: int, *, keep: bool) -> Round:
    """Play the round of a seed with at most `most` blows of the given kinds.

    Raises `disks.Unavailable` when this machine has no disk for them. `keep` leaves a broken place for a look.
    """
    dice, result, began = random.Random(seed), Round(seed), time.monotonic()  # noqa: S311 - not a secret
    special = [kind for kind in kinds if kind in _DISKS]
    plain = [kind for kind in kinds if kind not in _DISKS]
    chosen = dice.choice(special) if special and (not plain or dice.random() < 0.25) else ""
    blows = [dice.choice([chosen, chosen, *plain] if chosen else plain) for _ in range(dice.randint(5, 9))]
    result.durability = "power" if chosen == "power" else dice.choice(("power", "process"))
    base = Path(tempfile.mkdtemp(prefix=PREFIX, dir=TOP))
    place = Place(base, _DISKS.get(chosen, Plain)(base / "disk"), dice, result.durability)
    try:
        place.move_in()
        for kind in blows[:most]:
            _one(place, kind)
            result.kills[kind] += 1
        _recover(place, result)
        result.broken = broken_promises(place)
    finally:
        result.issues = len(place.dropped) + len(place.bad)
        result.seconds = time.monotonic() - began
        if keep and result.broken:
            print(f"kept: {base}")
        else:
            place.move_out()
    return result


def _one(place: Place, kind: str) -> None:
    dice = place.dice
    if len(place.dropped) < 4 or dice.random() < 0.3:
        place.drop()
    if dice.random() < 0.4:
        place.act_as_user()
    if dice.random() < 0.3:
        place.play_person()
    KINDS[kind](place)
    place.struck = time.monotonic()
    if not place.alive() and dice.random() < 0.5:
        place.start("watch")


def _recover(place: Place, result: Round) -> None:
    """Let the bot finish, as people who came back in the morning would: they look, answer, and retry what failed."""
    place.clock.set(0)
    for bot in place.alive():
        bot.send_signal(signal.SIGCONT)
        place.stop_politely(bot, signal.SIGTERM, 5)
    until = time.monotonic() + _RECOVERY
    while time.monotonic() < until:
        try:
            said = place.say("run")
        except subprocess.TimeoutExpired:
            return
        if said.status not in {0, 1}:
            place.broken.append(f"run ended with {said}")
            return
        failed = [task for task in place.person.tasks() if task["state"] == "failed"]
        for task in failed:
            _retry(place, result, task["id"], str(task.get("reason", "")))
        if not place.play_person() and not failed and not _waiting(place):
            return


def _retry(place: Place, result: Round, task_id: str, reason: str) -> None:
    set_aside = "its worker died" in reason
    result.told["set aside" if set_aside else "failed step"] += 1
    if not set_aside and not FAILS_A_STEP & set(result.kills):
        place.broken.append(f"a task failed though no child of the bot was hit: {reason}")
    place.say("queue", "retry", task_id)


def _waiting(place: Place) -> bool:
    """Tell whether some task only waits for its time; a run does not wait for all of them."""
    waits = any(task["state"] in {"waiting", "ready", "running"} for task in place.person.tasks())
    if waits:
        time.sleep(1)
    return waits
