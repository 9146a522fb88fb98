"""The ways in which a campaign hits the bot. Each returns once it has struck; what runs on is left running."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

from tests.campaign.disks import Cuttable, Small
from tests.campaign.processes import kill_all, processes_of, wait_for

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from tests.campaign.place import Place
    from tests.campaign.processes import Process

_LEAVES = 5.0  # seconds within which a bot that is told to leave has left
_REFUSED = 10.0  # seconds until a second `watch` has seen, on a busy machine, that there is one


def _bot(place: Place) -> subprocess.Popen[bytes]:
    """Return a running bot; start one, mostly a `watch`, when there is none."""
    alive = place.alive()
    return place.dice.choice(alive) if alive else place.start(place.dice.choice(("watch", "watch", "run")))


def _wait(place: Place, most: float) -> None:
    time.sleep(place.dice.uniform(0, most))


def kill_everything(place: Place) -> None:
    """SIGKILL every process there is, as the kernel does when memory runs out."""
    _bot(place)
    _wait(place, 2.5)
    kill_all(place.base)


def kill_group(place: Place) -> None:
    """SIGKILL the bot's process group."""
    bot = _bot(place)
    _wait(place, 2.5)
    if bot.poll() is None:
        os.killpg(bot.pid, signal.SIGKILL)
    bot.wait()


def kill_leader(place: Place) -> None:
    """SIGKILL the bot at a moment when it has a child, which survives, and start the next one at once."""
    bot = _bot(place)
    _wait(place, 1.5)
    wait_for(place.base, lambda one: not one.is_bot, seconds=1)
    bot.kill()
    bot.wait()
    place.start("watch")


def kill_git(place: Place) -> None:
    """SIGKILL a git process of the bot's."""
    _bot(place)
    _wait(place, 1.5)
    _strike(place, lambda one: one.is_git)


def kill_leash(place: Place) -> None:
    """SIGKILL the small process between the bot and a recipe."""
    _bot(place)
    _strike(place, lambda one: one.is_leash)


def kill_recipe(place: Place) -> None:
    """SIGKILL a recipe."""
    _bot(place)
    _strike(place, lambda one: "recipe.sh" in one.command and not one.is_leash)


def kill_leader_and_leash(place: Place) -> None:
    """SIGKILL the bot and what would clean up behind it; the recipe's own children survive."""
    bot = _bot(place)
    leash = wait_for(place.base, lambda one: one.is_leash, seconds=2)
    bot.kill()
    if leash is not None:
        leash.send(signal.SIGKILL)
    bot.wait()


def _strike(place: Place, wanted: Callable[[Process], bool]) -> None:
    found = wait_for(place.base, wanted, seconds=2)
    if found is not None:
        found.send(signal.SIGKILL)


def freeze_git_and_kill(place: Place) -> None:
    """Freeze a git of the bot's, SIGKILL the bot, start the next one, let the old git go on."""
    bot = _bot(place)
    _wait(place, 1.5)
    git = wait_for(place.base, lambda one: one.is_git, seconds=1)
    if git is not None:
        git.send(signal.SIGSTOP)
    bot.kill()
    bot.wait()
    place.start("watch")
    _wait(place, 2)
    if git is not None:
        git.send(signal.SIGCONT)


def freeze(place: Place) -> None:
    """SIGSTOP everything for a while, then let it go on, or kill it frozen; another bot comes meanwhile."""
    bot = _bot(place)
    _wait(place, 1.5)
    frozen = processes_of(place.base)
    for one in frozen:
        one.send(signal.SIGSTOP)
    other = place.start("run") if place.dice.random() < 0.5 else None
    _wait(place, 3)
    if place.dice.random() < 0.5:
        for one in frozen:
            one.send(signal.SIGKILL)
    for one in frozen:
        one.send(signal.SIGCONT)
    if other is not None and bot.poll() is None:
        _wait(place, 1)


def start_twice(place: Place) -> None:
    """Start more bots beside the running one; a second `watch` must be refused; then SIGKILL one of them."""
    place.start("watch")
    second, third = place.start("watch"), place.start("run")
    _wait(place, 2.5)
    victim = place.dice.choice((second, third, *place.alive()))
    victim.kill()
    victim.wait()
    watches = [one for one in place.alive() if one.args[3] == "watch"]  # type: ignore[index]
    until = time.monotonic() + _REFUSED
    while len([one for one in watches if one.poll() is None]) > 1:
        if time.monotonic() > until:
            place.broken.append("two `watch` ran at once")
            return
        time.sleep(0.1)


def ask_to_leave(place: Place) -> None:
    """SIGTERM or SIGINT: the bot leaves by itself, in time."""
    bot = _bot(place)
    _wait(place, 3)
    if bot.poll() is None:
        number = place.dice.choice((signal.SIGTERM, signal.SIGINT))
        place.stop_politely(bot, number, _LEAVES)


def interrupt_twice(place: Place) -> None:
    """SIGINT twice: the second one ends it at once."""
    bot = _bot(place)
    _wait(place, 2.5)
    if bot.poll() is None:
        bot.send_signal(signal.SIGINT)
        time.sleep(0.05)
        place.stop_politely(bot, signal.SIGINT, 2)


def fill_disk(place: Place) -> None:
    """Let the disk be full for a while; perhaps the bot dies before it is freed."""
    assert isinstance(place.disk, Small)
    _bot(place)
    _wait(place, 1.5)
    place.disk.fill(place.dice.choice((0, 0, 4096, 20_000, 100_000)))
    _wait(place, 3)
    if place.dice.random() < 0.4:
        kill_all(place.base)
    place.disk.free()


def cut_power(place: Place) -> None:
    """Cut the power of the disk, end everything, switch it on again."""
    assert isinstance(place.disk, Cuttable)
    _bot(place)
    _wait(place, 2.5)
    place.disk.cut()
    kill_all(place.base)
    for one in place.running:
        one.wait()
    place.disk.back()


_JUMPS = (-3600, 7 * 86400, 0)


def jump_clock(place: Place) -> None:
    """Let the clock go back an hour, a week ahead or be put right; perhaps everything dies over it."""
    _bot(place)
    _wait(place, 2)
    place.clock.set(place.dice.choice(_JUMPS))
    _wait(place, 3)
    if place.dice.random() < 0.3:
        kill_all(place.base)


_AWAY = (("git", "clean", "-ffdxq"), ("rm", "-rf", ".sixth"))


def take_away_running(place: Place) -> None:
    """Take `.sixth` away under a running bot; perhaps the bot dies over it."""
    _bot(place)
    _wait(place, 3)
    place.take_away(*place.dice.choice(_AWAY))
    if place.dice.random() < 0.3:
        _wait(place, 2)
        kill_all(place.base)


def take_away_stopped(place: Place) -> None:
    """Kill everything, then take `.sixth` away."""
    _bot(place)
    _wait(place, 3)
    kill_all(place.base)
    for one in place.running:
        one.wait()
    place.take_away(*place.dice.choice(_AWAY))


KINDS: dict[str, Callable[[Place], None]] = {
    "everything": kill_everything,
    "group": kill_group,
    "leader": kill_leader,
    "git": kill_git,
    "leash": kill_leash,
    "recipe": kill_recipe,
    "leader+leash": kill_leader_and_leash,
    "frozen-git": freeze_git_and_kill,
    "freeze": freeze,
    "start-twice": start_twice,
    "leave": ask_to_leave,
    "interrupt-twice": interrupt_twice,
    "taken-running": take_away_running,
    "taken-stopped": take_away_stopped,
    "clock": jump_clock,
    "full-disk": fill_disk,
    "power": cut_power,
}
"""Every kind of blow by the name that `--kinds` takes."""

FAILS_A_STEP = frozenset({"git", "leash", "recipe", "full-disk", "frozen-git", "freeze"})
"""Blows that hit a child and not the bot: the step has failed then, and a person may have to say `queue retry`."""
