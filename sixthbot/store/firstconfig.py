"""The configuration that `init` writes, and whether a file is still that one: then nobody said anything by it."""

from __future__ import annotations

FIRST_CONFIG = """\
# Settings of sixthbot for this repository. Everything here may be left out.
# `sixthbot config show --origin` prints all settings; after editing, `sixthbot trust`.

# Commands that issues may ask for by name, as in: - [ ] Sort the word list `do: sort-words`
# What a recipe changes becomes one commit.
#
# [recipes.sort-words]
# description = "sort the word list"
# run = ["sort", "-o", "words.txt", "words.txt"]
# timeout = "1m"

# What must hold before a draft is good. Each command is a list of words, without a shell.
#
# [check]
# run = [["make", "test"]]
# timeout = "15m"

# The work trees that commands run in.
#
# [worktree]
# setup = [["make", "deps"]]
# copy = [".env"]

# Who is told when a person is needed.
#
# [notify]
# run = ["notify-send", "sixthbot"]
"""


def is_untouched(key: str, data: bytes) -> bool:
    """Tell whether a file below `.sixth` is, to the byte, the configuration that `init` writes."""
    return key == "config.toml" and data == FIRST_CONFIG.encode()
