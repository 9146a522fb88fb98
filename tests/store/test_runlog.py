"""The program's log: objects with shape, cut by size, without secrets, and never in the way."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

import pytest

from sixthbot.store.runlog import NAME, JsonLines, logged
from sixthbot.store.schema import LogSettings
from tests.store.support import home

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    logger = logging.getLogger("sixthbot.test")
    yield logger
    logger.setLevel(logging.NOTSET)


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_records_have_shape_and_no_secrets(tmp_path: Path, logger: logging.Logger) -> None:
    places = home(tmp_path)
    with logged(places, LogSettings()):
        logger.debug("not asked for")
        logger.info(
            "ran %s", "--token hunter2hunter2", extra={"task": "t1", "argv": ["x", "API_KEY=abcdefgh"]}
        )
        try:
            int("password=hunter2hunter2")
        except ValueError:
            logger.exception("it broke")
    logger.error("after the block")
    first, second = lines(places.logs / NAME)
    assert (first["level"], first["logger"], first["task"]) == ("info", "sixthbot.test", "t1")
    assert str(first["time"]).endswith("Z")
    assert "ValueError" in str(second["trace"])
    assert "hunter2" not in str([first, second])
    assert "abcdefgh" not in str(first)
    assert (places.logs / NAME).stat().st_mode & 0o777 == 0o600


def test_a_full_file_is_put_aside_and_the_oldest_goes(tmp_path: Path) -> None:
    handlers = [JsonLines(tmp_path, size=2000, keep=2) for _ in range(2)]
    for number in range(100):
        record = logging.makeLogRecord({"msg": f"{number} " + "x" * 50, "levelname": "INFO", "name": "n"})
        handlers[number % 2].emit(record)
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == ["sixthbot.1.jsonl", "sixthbot.2.jsonl", NAME]
    told = [
        str(each["message"]).split()[0]
        for name in ("sixthbot.2.jsonl", "sixthbot.1.jsonl", NAME)
        for each in lines(tmp_path / name)
    ]
    assert told == [str(number) for number in range(100 - len(told), 100)]
    assert all(path.stat().st_size < 2500 for path in tmp_path.iterdir())


def test_a_log_that_cannot_be_written_hurts_nothing(tmp_path: Path, logger: logging.Logger) -> None:
    places = home(tmp_path)
    places.logs.mkdir(exist_ok=True)
    (places.logs / NAME).symlink_to(tmp_path / "elsewhere")
    with logged(places, LogSettings(level="debug")):
        logger.error("x", extra={"odd": object()})
    assert not (tmp_path / "elsewhere").exists()
