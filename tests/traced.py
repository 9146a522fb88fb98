"""Plays the main job under strace and names every address that anything connects to: `python -m tests.traced`.

All but `push`, `sync` and the configured model work without a network; so this life, which ends before the push, must
connect to nothing but sockets in the file system.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.repos import make_bare, make_repo

_CONNECT = re.compile(r"(?:connect|sendto|sendmsg)\(.*sa_family=AF_INET6?\b.*")
_ISSUE = "# Tidy\n\n- [ ] Sort `do: text.sort paths=words.txt`\n"
_STEPS = (
    ("init", "--hooks"), ("run",), ("status",), ("review",), ("approve", "sixth/tidy"), ("push", "--dry-run"),
    ("doctor",), ("log",),
)  # fmt: skip


def main() -> int:
    """Play it; return 1 when anything tried to reach the network."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        repo = make_repo(folder / "repo")
        repo.commit("feat: words", {"words.txt": "b\na\n"})
        repo.git("remote", "add", "origin", str(make_bare(folder / "there.git").path))
        repo.git("push", "--quiet", "--set-upstream", "origin", "main")
        home = {
            "HOME": name,
            "XDG_DATA_HOME": f"{name}/data",
            "XDG_CACHE_HOME": f"{name}/cache",
            "SIXTH_LLM": "off",
        }
        calls, trace = 0, folder / "trace"
        for step in _STEPS:
            if step == ("run",):
                (repo.path / ".sixth/inbox/tidy.md").write_text(_ISSUE, encoding="utf-8")
            command = ["strace", "-f", "-qq", "-e", "trace=connect,sendto,sendmsg", "-A", "-o", str(trace)]
            done = subprocess.run(
                [*command, sys.executable, "-m", "sixthbot", *step],
                cwd=repo.path, env={**os.environ, **home, "PYTHONPATH": str(Path(__file__).parents[1])},
                stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=300,
            )  # fmt: skip
            calls += 1
            print(f"sixthbot {' '.join(step)}: exit {done.returncode}")
        text = trace.read_text("utf-8", "replace") if trace.exists() else ""
        reached = [line for line in text.splitlines() if _CONNECT.search(line)]
        print(f"{calls} commands, {len(text.splitlines())} calls on sockets, {len(reached)} to the network")
        print("\n".join(reached[:20]), end="")
        return 1 if reached else 0


if __name__ == "__main__":
    sys.exit(main())
