"""Draw docs/demo.svg, the README's picture: parts of what `sixthbot demo` prints, with its colours. Run by hand."""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

DOCS = Path(__file__).resolve().parent
COLUMNS = 116
LINE, CHAR, LEFT, TOP = 19.0, 8.43, 22, 62
COLORS = {"31": "#ff7b72", "32": "#7ee787", "33": "#e3b341", "36": "#79c0ff", "2": "#8b949e", "1": "#ffffff"}
# the story in one screen: from the dropped file to the draft, and from the approval to the push
PARTS = ((r"^3\. ", r"^\$ git log"), (r"^\$ sixthbot done", r"^7\. "), (r"^8\. ", r"^9\. "))
LEFT_OUT = re.compile(
    r"^(Without --stat|next: |5 events|4 events|a running watch)|say that a draft|a draft waits|succeeded$"
)


def demo() -> list[str]:
    """Return the lines of a demo run, with escape sequences for colour."""
    with tempfile.TemporaryDirectory() as home:
        env = {
            **os.environ,
            "HOME": home,
            "SIXTH_LLM": "off",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        command = [
            sys.executable,
            "-m",
            "sixthbot",
            "--color",
            "always",
            "demo",
            "--into",
            str(Path(home) / "demo"),
        ]
        done = subprocess.run(
            command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True
        )
    text = done.stdout.replace(sys.executable, "python").replace(home, "~")
    return [re.sub(r"(tidy-the-word-list)-[0-9a-f]{6}", r"\1", line.rstrip()) for line in text.splitlines()]


def chosen(lines: list[str]) -> list[str]:
    """Return the lines of the picture."""
    kept: list[str] = []
    for start, end in PARTS:
        plain = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines]
        first = next(at for at, line in enumerate(plain) if re.search(start, line))
        last = next(at for at, line in enumerate(plain) if at > first and re.search(end, line))
        kept += [
            line
            for line, bare in zip(lines[first:last], plain[first:last], strict=True)
            if not LEFT_OUT.search(bare)
        ]
    merged = [line for at, line in enumerate(kept) if line or (at and kept[at - 1])]
    return merged[:-1] if not merged[-1] else merged


def spans(line: str) -> str:
    """Return one line as SVG text spans."""
    out, style, width = [], "", 0
    for part in re.split(r"(\x1b\[[0-9;]*m)", line):
        if part.startswith("\x1b["):
            codes = [code for code in part[2:-1].split(";") if code not in {"", "0"}]
            fill = next((COLORS[code] for code in reversed(codes) if code in COLORS), "")
            bold = ' font-weight="bold"' if "1" in codes else ""
            style = f' fill="{fill}"{bold}' if fill else ""
        elif part:
            room = part[: COLUMNS - width]
            width += len(room)
            out.append(f"<tspan{style}>{html.escape(room)}</tspan>")
    return "".join(out)


def picture(lines: list[str]) -> str:
    """Return the whole drawing."""
    width, height = LEFT * 2 + COLUMNS * CHAR, TOP + LINE * len(lines) + 14
    body = "\n".join(
        f'<text x="{LEFT}" y="{TOP + LINE * at:.0f}" xml:space="preserve">{spans(line)}</text>'
        for at, line in enumerate(lines)
        if line
    )
    dots = "".join(
        f'<circle cx="{24 + 20 * at}" cy="22" r="6" fill="{fill}"/>'
        for at, fill in enumerate(("#ff5f57", "#febc2e", "#28c840"))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        'font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, \'DejaVu Sans Mono\', monospace" font-size="14">\n'
        "<title>sixthbot demo</title>\n"
        f'<rect width="100%" height="100%" rx="10" fill="#0d1117"/>\n{dots}\n'
        f'<g fill="#c9d1d9">\n{body}\n</g>\n</svg>\n'
    )


if __name__ == "__main__":
    (DOCS / "demo.svg").write_text(picture(chosen(demo())), encoding="utf-8")
