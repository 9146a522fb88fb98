"""Hostile rule files: what a pull could bring, and what a person could get wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ESC = "\x1b]0;pwned\x07\x1b[2J\u202e\x9b31m"
_HEAD = '[[rule]]\nname = "r"\non = "commit"\n'
_DO = 'do = ["check"]\n'

CONDITIONS = {
    "arithmetic bomb": "9**9**9 > 1", "text bomb": "'a' * 10**9 == ''", "list bomb": "[0] * 10**9 == []",
    "shift": "1 << 10**9 > 0", "format": "'{:>999999999}'.format(1) == ''", "f-string": "f'{1}' == ''",
    "comprehension": "[x for x in event.paths] == []", "generator": "any(x for x in event.paths)",
    "lambda": "(lambda: 1)() == 1", "walrus": "(x := 5) == 5", "import": "__import__('os').system('touch pwned')",
    "dunder": "event.__class__.__mro__", "dunder field": "event.__class__ == 1", "attribute of an attribute": "event.paths.append",
    "subscript": "event.paths[0] == 'a'", "slice": "event.branch[::-1] == ''", "call of a field": "event.branch()",
    "star": "len(*event.paths) == 1", "keyword": "len(obj=event.paths) == 1", "await": "await event.branch",
    "ternary": "1 if event.merge else 2", "is": "event.branch is 'a'", "matrix": "event.files @ 2", "invert": "~event.files",
    "bytes": "event.branch == b'a'", "complex": "event.files == 1j", "ellipsis": "event.branch == ...", "none": "event.branch == None",
    "set": "event.branch in {'a'}", "dict": "event.branch in {'a': 1}", "unknown name": "os == 1", "event alone": "event",
    "huge number": "event.files < " + "9" * 5000, "huge hexadecimal": "event.files < 0x" + "f" * 1900, "huge float": "event.files < 1e999",
    "not a number": "event.files != event.files and nan", "nested parentheses": "(" * 900 + "1" + ")" * 900,
    "nested not": "not " * 490 + "event.merge", "nested lists": "event.branch in " + "[" * 400 + "]" * 400,
    "unary minus": "-" * 1500 + "1 < 2", "long and": " and ".join(["event.merge"] * 140), "long or": " or ".join(["event.merge"] * 140),
    "long comparison": "1" + " < 2" * 450, "over the limit": "event.merge and " * 2000 + "1", "glob of stars": "any(glob(event.paths, '" + "*a" * 400 + "b'))",
    "glob of double stars": "any(glob(event.paths, '" + "**/" * 500 + "b'))", "glob of brackets": "any(glob(event.paths, '" + "[" * 900 + "'))",
    "glob of ranges": "any(glob(event.paths, '[a-" + "z-a" * 300 + "]'))", "in of a long text": "'" + "a" * 900 + "b' in event.subject",
    "null": "event.branch == '\\0'", "escape": "event.branch == '" + r"\x1b[31m" + "'", "newlines": "(event.merge\n\n\nor\nevent.merge)",
    "comment": "event.merge # or true", "semicolon": "event.merge; 1", "backslash": "event.merge \\", "tab": "\tevent.merge", "only blanks": "   ",
    "surrogate": "event.branch == '\\ud800'", "wide letters": "\uff45vent.merge", "right to left": "event.branch == '\u202e'",
    "positions in many bytes": "event.branch == '" + "\u00e9" * 500 + "' and event.files < 1",
    "types that do not compare": "event.files < 'a'", "len of a number": "len(event.files) > 1", "lower of a number": "lower(event.files) == ''",
    "glob of a number": "glob(event.files, '*')", "a list against a number": "event.paths < 3", "a list of a list": "[[event.paths]] == [[event.paths]]",
    "all of a text": "all(event.branch)", "nested functions": "any(" * 15 + "event.paths" + ")" * 15,
}  # fmt: skip
KEYS = {
    "wrong types": 'name = 5\non = { a = 1 }\ndo = "check"\nwhen = []\nlane = []\nkey = {}\nmode = 1\nsettle = true\nretries = "x"\n',
    "floats": "retries = 1.5\ngenerations = nan\n", "infinities": "retries = inf\n", "negative": "retries = -1\ngenerations = -1\n",
    "huge": "retries = 99999999999999999999\ngenerations = 10000000000\n", "huge spans": 'settle = "99999999999999999d"\ncooldown = "1e9s"\n',
    "odd spans": 'settle = "-5s"\ncooldown = "5 fortnights"\ntimeout = ""\n', "odd limits": 'limit = "0/h"\n', "limit of nothing": 'limit = "/"\n',
    "limit of much": 'limit = "' + "9" * 4000 + '/h"\n', "limit in odd digits": 'limit = "\u0665/h"\n', "limit as a number": "limit = 20\n",
    "a name of escapes": 'name = "' + r"\u001b]0;pwned\u0007\u202e" + '"\n', "a name of two lines": 'name = "a\\nb"\n', "a long name": 'name = "' + "x" * 9000 + '"\n',
    "an empty name": 'name = ""\n', "an unknown key": ESC.replace("\x9b", "").encode("ascii", "ignore").decode() and '"\\u001b[31m" = 1\n',
    "dotted when": "when." + ".".join(["a"] * 150) + " = 1\n", "many dots": ".".join(["a"] * 3000) + " = 1\n", "deep value": "key = " + "[" * 20_000 + "\n",
    "deep closed value": "key = " + "[" * 3_000 + "]" * 3_000 + "\n", "deep inline tables": "when = " + "{a=" * 2_000 + "\n",
    "many patterns": "when = { paths = [" + "'a'," * 20_000 + "] }\n", "a long pattern": "when = { paths = '" + "*a" * 50_000 + "' }\n",
    "patterns of stars": "when = { paths = '" + "**/" * 30_000 + "x' }\n", "an empty pattern": "when = { branch = '' }\n", "no patterns": "when = { branch = [] }\n",
    "a pattern of escapes": r'when = { branch = "\u001b[31m\u202e" }' + "\n", "a lone bracket": "when = { branch = '[' }\n", "a lone backslash": "when = { branch = '\\' }\n",
    "an odd range": "when = { branch = '[z-a][]-][!]]' }\n", "an unknown field": "when = { brnch = 'a' }\n", "not of nothing": "when = { not_ = 'a' }\n",
    "not of not": "when = { not_not_branch = 'a' }\n", "an odd key template": 'key = "{branch}{nope}{}{{}}{branch!r}{branch.__class__}{0}"\n',
    "a key of many fields": 'key = "' + "{branch}" * 20 + '"\n', "jinja": 'key = "{{ 7*7 }}{% for i in range(10**9) %}x{% endfor %}"\n',
    "an odd schedule": 'on = "schedule"\nschedule = "* * * * * * * *"\n', "an impossible schedule": 'on = "schedule"\nschedule = "0 0 30 2 *"\n',
    "a schedule of commas": 'on = "schedule"\nschedule = "' + "1," * 90 + '1 * * * *"\n', "an odd zone": 'on = "schedule"\nschedule = "@daily"\ntimezone = "../../etc/passwd"\n',
    "a zone of a device": 'on = "schedule"\nschedule = "@daily"\ntimezone = "/dev/zero"\n', "an odd event": 'on = "\\u001b[2J"\n', "a hook of nothing": 'on = "hook."\n',
    "many events": "on = [" + "'commit'," * 5_000 + "]\n", "an event of escapes": 'on = ["hook.\\u001b[31m"]\n', "bad catch up": 'catch_up = "\\u001b[31m"\n',
}  # fmt: skip
STEPS = {
    "an unknown action": 'do = ["shel"]\n', "a path for an action": 'do = ["../../bin/sh"]\n', "a module for an action": 'do = ["os.system"]\n',
    "an action of escapes": 'do = ["\\u001b[2J"]\n', "a person's word": 'do = ["review", "push", "approve"]\n', "no steps": "do = []\n", "a number": "do = [5]\n",
    "no use": "do = [{ run = ['x'] }]\n", "no program": "do = [{ use = 'shell', run = [] }]\n", "an empty program": "do = [{ use = 'shell', run = [''] }]\n",
    "a NUL": 'do = [{ use = "shell", run = ["a\\u0000b"] }]\n', "a text for a command": "do = [{ use = 'shell', run = 'touch pwned' }]\n",
    "a secret door": "do = [{ use = 'shell', run = ['x'], env = { GIT_DIR = 'x', SIXTH_TASK_ID = 'y', LD_PRELOAD = 'z', 'a=b' = 'c' } }]\n",
    "a path for a report": "do = [{ use = 'report', report_to = '../../x' }]\n", "an absolute report": "do = [{ use = 'report', report_to = '/etc/x' }]\n",
    "a hidden report": "do = [{ use = 'report', report_to = '.git' }]\n", "a report of escapes": 'do = [{ use = "report", report_to = "\\u001b" }]\n',
    "an unknown insight": "do = [{ use = 'report', insight = '../x' }]\n", "odd arguments": "do = [{ use = 'check', x = 1, y = [2], z = { a = 1 } }]\n",
    "a thousand steps": "do = [" + "'check'," * 1000 + "]\n", "an odd job": "do = [{ use = 'health', job = '../x' }]\n", "an odd age": "do = [{ use = 'clean-up', older_than = '-1d' }]\n",
}  # fmt: skip
FILES = {
    "nothing": b"", "a mark alone": b"\xef\xbb\xbf", "garbage": bytes(range(256)) * 50, "utf-16": "[[rule]]\n".encode("utf-16"), "a NUL": b"[[rule]]\0\n",
    "a rule that is a table": b'[rule]\nname = "a"\non = "commit"\ndo = ["check"]\n', "a rule that is a text": b'rule = "x"\n', "a rule that is a number": b"rule = 5\n",
    "rules that are numbers": b"rule = [1, 2]\n", "tests of every kind": b'test = [1, {given = 5}, {expect = []}, {given = {}, expect = "x"}]\n',
    "an unknown table": b"[rules]\n[[rulez]]\n", "a table of escapes": b'["\\u001b[31m"]\n', "a thousand rules": b"".join(b'[[rule]]\nname="n%d"\non="commit"\ndo=["check"]\n' % n for n in range(1000)),
    "ten thousand headers": b"[[rule]]\n" * 10_000, "twins": b'[[rule]]\nname="a"\non="commit"\ndo=["check"]\n' * 50, "carriage returns": b'[[rule]]\rname = "a"\r',
    "one line too long": b"#" + b"x" * 260_000, "a header in a text": b'[[rule]]\nname = "a"\non = "commit"\ndo = ["check"]\ndescription = """\n[[rule]]\n[[rule]]\n"""\n',
    "a test of a thousand fields": b"[[test]]\nexpect = []\ngiven = { on = 'commit', " + b", ".join(b"f%d = 1" % n for n in range(1000)) + b" }\n",
    "a test of nested values": b"[[test]]\nexpect = []\n[test.given]\non = 'commit'\npaths = [[['a']], {b = 1}]\n", "a test of a date": b"[[test]]\nexpect = []\n[test.given]\non = 'commit'\nid = 2020-01-01\n",
    "a test of an odd event": b"[[test]]\nexpect = ['x']\n[test.given]\non = '\\u001b'\n",
}  # fmt: skip


def rule_files() -> Iterator[tuple[str, bytes]]:
    """Yield each file's name in words and its bytes."""
    for name, condition in CONDITIONS.items():
        quoted = condition.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
        yield f"if: {name}", f'{_HEAD}{_DO}if = "{quoted}"\n'.encode()
    for name, lines in KEYS.items():
        given = {line.partition(" =")[0] for line in lines.splitlines()}
        base = {"name": '"r"', "on": '"commit"', "do": '["check"]'}
        rest = "".join(f"{key} = {value}\n" for key, value in base.items() if key not in given)
        yield f"key: {name}", f"[[rule]]\n{rest}{lines}".encode()
    for name, lines in STEPS.items():
        yield f"do: {name}", f"{_HEAD}{lines}".encode()
    for name, data in FILES.items():
        yield f"file: {name}", data
