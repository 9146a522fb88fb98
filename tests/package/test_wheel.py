"""The built wheel: it carries rules and templates, and what is installed from it finds them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PROBE = """
import json, sixthbot
from sixthbot.store import resources
rules = [name for name, _ in resources.read_shipped_rule_files()]
text, origin = resources.read_template(None, "pr.md.j2", None)
print(json.dumps({"package": sixthbot.__file__, "rules": rules, "template": bool(text), "origin": origin}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=100)
    (built,) = folder.glob("*.whl")
    return built


def probe(folder: Path, extra_path: str) -> dict[str, object]:
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": extra_path}
    done = subprocess.run(
        [sys.executable, "-c", PROBE],
        cwd=folder,
        env=env,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_the_wheel_holds_every_rule_and_template(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("rules", "templates"):
        for path in (ROOT / folder).rglob("*.*"):
            assert f"sixthbot/_shipped/{path.relative_to(ROOT)}" in names


def test_the_wheel_names_the_console_script_and_every_dependency(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (points,) = [name for name in archive.namelist() if name.endswith("entry_points.txt")]
    assert "sixthbot = sixthbot.__main__:main" in archive.read(points).decode()
    (metadata,) = [name for name in archive.namelist() if name.endswith("METADATA")]
    needs = archive.read(metadata).decode().lower()
    for name in (
        "watchdog", "gitpython", "filelock", "pydantic", "click", "ollama", "radon", "jinja2", "tomli-w",
    ):  # fmt: skip
        assert f"requires-dist: {name}" in needs


def test_an_install_from_the_wheel_finds_its_rules_and_templates(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    found = probe(tmp_path, str(tmp_path / "site"))
    assert str(found["package"]).startswith(str(tmp_path))
    assert found["rules"] == sorted(path.name for path in (ROOT / "rules").glob("*.toml"))
    assert found["template"] is True


def test_the_checkout_itself_finds_its_rules_and_templates(tmp_path: Path) -> None:
    found = probe(tmp_path, str(ROOT))
    assert found["rules"] == sorted(path.name for path in (ROOT / "rules").glob("*.toml"))
    assert found["template"] is True
