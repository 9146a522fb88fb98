"""The front door: hook verbs leave a note and return at once; every other command goes to the command line.

A hook runs on every commit of every person, so the verbs import nothing but os and sys and sync nothing: a lost note costs
nothing, because the bot finds commits by comparing refs. They start a process only where `hooks.autostart` asks for it
and no bot is there.
"""

import os
import sys

HOOK_VERBS = ("on-commit", "on-checkout", "on-merge", "on-rewrite")
"""What git hooks and hook managers call; whatever happens, these print nothing and exit with 0."""

_POINTER_LIMIT = 4096
_INTERRUPTED = 130


def main() -> int:
    """Run the command in `sys.argv` and return the process's exit code."""
    verb, args, start = _hook_call(sys.argv[1:])
    if verb:
        notes = leave_note(start, verb=verb, args=args)
        if notes:
            _start_run(notes)
        # nothing is open and nothing was printed; an orderly end would cost a fifth of the whole call
        os._exit(0)
    if None in (sys.stdin, sys.stdout, sys.stderr):
        _open_closed_streams()
    try:
        from sixthbot.cli.app import main as command_line  # noqa: PLC0415 - costs ten times a hook's whole budget

        return command_line()
    except KeyboardInterrupt:  # while it was still loading: from then on it is heard there
        return _INTERRUPTED


def _open_closed_streams() -> None:
    """Put /dev/null where a standard stream is closed, as git does: the first file opened would get its number."""
    number = os.open(os.devnull, os.O_RDWR)
    while number <= 2:  # noqa: PLR2004 - stderr's
        os.set_inheritable(number, True)  # noqa: FBT003 - positional by os
        number = os.dup(number)
    os.close(number)
    sys.stdin = sys.stdin or os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", encoding="utf-8", closefd=False)


def _hook_call(argv: list[str]) -> tuple[str, list[str], str]:
    """Return the hook verb, its arguments and the folder to start from; the verb is empty for other commands."""
    start = "." if argv[:1] != ["-C"] else "".join(argv[1:2])
    rest = argv[2:] if argv[:1] == ["-C"] else argv
    if not rest or rest[0] not in HOOK_VERBS or rest[1:] == ["--help"]:
        return "", [], ""
    return rest[0], rest[1:], start


def leave_note(start: str, *, verb: str, args: list[str]) -> str:
    """Leave a note for the bot of the repository around the folder `start`; return its folder, empty where none was written.

    The note is a file in `.sixth/local/notes` of the main worktree: the verb and each argument on a line of its own.
    It appears whole, by one rename. Where there is no repository, no `.sixth` or no space, nothing happens.
    """
    try:
        notes = _notes_folder(os.path.abspath(start))
        if not notes:
            return ""
        name = f"{verb}-{os.getpid()}-{os.urandom(6).hex()}"
        temporary = f"{notes}/.{name}.tmp"
        text = "\n".join([verb, *args]) + "\n"
        file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try:
            os.write(file, text.encode("utf-8", "surrogateescape"))
        finally:
            os.close(file)
        os.rename(temporary, f"{notes}/{name}")
    except (OSError, ValueError):
        return ""  # a hook never gets in the way of the person's commit
    return notes


def _start_run(notes: str) -> None:
    """Start a `run` of its own, where the settings want that and neither a `watch` nor such a run is there already.

    It shares nothing with the hook: not its session, not its open files, not git's variables.
    """
    local = os.path.dirname(notes)
    try:
        if os.environ.get("SIXTH_TASK_ID") or not sys.executable or not _wants_autostart(local):
            return
        if any(_is_held(f"{local}/locks/{name}.lock") for name in ("watch", "autostart")):
            return
        child = os.fork()
        if child:
            os.waitpid(child, 0)
            return
    except OSError:
        return
    try:
        os.setsid()
        if os.fork() == 0:
            _become_run(os.path.dirname(os.path.dirname(local)))
    finally:
        os._exit(0)


def _become_run(top: str) -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(nowhere, number)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    os.chdir("/")
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    # -P: nothing of the folder that the hook was called in is ever imported
    argv = [sys.executable, "-P", "-m", "sixthbot", "-C", top, "--quiet", "run", "--autostarted"]
    os.execve(sys.executable, argv, env)  # noqa: S606 - a shell is what is not wanted here


def _wants_autostart(local: str) -> bool:
    """Look for the setting where the last one to read the settings left it; the bytes cannot stand in a JSON text."""
    with open(f"{local}/cache/rules.json", "rb") as file:
        return b'"autostart": true' in file.read()


def _is_held(lock: str) -> bool:
    import fcntl  # noqa: PLC0415 - only where a run may be started

    try:
        file = os.open(lock, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def _notes_folder(start: str) -> str:
    """Return the notes folder of the initialised repository around `start`, or an empty text."""
    top = _main_worktree(start)
    if not top:
        return ""
    folder = top
    for part in (".sixth", "local", "notes"):
        folder = f"{folder}/{part}"
        if os.path.islink(folder):  # a clone may bring links along; nothing is written through them
            return ""
    local = os.path.dirname(folder)
    if os.path.isdir(local) and not os.path.isdir(folder):
        os.mkdir(folder)
    return folder if os.path.isdir(local) else ""


def _main_worktree(start: str) -> str:
    """Return the top of the main worktree of the repository around `start`, or an empty text.

    Inside a hook GIT_DIR names the repository (for a linked worktree its own folder below the common one),
    perhaps relative to `start`; otherwise the nearest `.git` above `start` does.
    """
    top = start
    while not os.path.lexists(f"{top}/.git"):
        parent = os.path.dirname(top)
        if parent == top:
            top = ""
            break
        top = parent
    named = os.environ.get("GIT_DIR", "")
    git_dir = os.path.join(start, named) if named else f"{top}/.git" if top else ""
    if not git_dir:
        return ""
    if os.path.isfile(git_dir):
        git_dir = os.path.join(os.path.dirname(git_dir), _pointer(git_dir, prefix="gitdir: "))
    if os.path.isfile(f"{git_dir}/commondir"):
        common = os.path.normpath(os.path.join(git_dir, _pointer(f"{git_dir}/commondir", prefix="")))
        return os.path.dirname(common) if os.path.basename(common) == ".git" else ""
    if named and os.path.basename(os.path.normpath(git_dir)) == ".git":
        return os.path.dirname(os.path.normpath(git_dir))
    return top


def _pointer(path: str, *, prefix: str) -> str:
    """Return what git's one-line pointer file `path` points to."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        text = os.read(file, _POINTER_LIMIT).decode("utf-8", "surrogateescape")
    finally:
        os.close(file)
    return text.removeprefix(prefix).rstrip("\r\n")


if __name__ == "__main__":
    sys.exit(main())
