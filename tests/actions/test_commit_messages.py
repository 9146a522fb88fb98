"""What the commits of subtasks say, whoever wrote the issue; and how many of them there may be in an hour."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from sixthbot.core.errors import TryLater
from sixthbot.core.names import has_unsafe_characters
from sixthbot.store.config import Config

if TYPE_CHECKING:
    from tests.actions.workshop import Workshop

ADD = "import os, pathlib; pathlib.Path('f' + os.environ['SIXTH_SUBTASK']).write_text('x')"


@pytest.fixture
def adding(shop: Workshop) -> Workshop:
    shop.recipe("add", ADD)
    return shop


def test_a_commit_says_what_was_asked_by_whom_and_how_it_was_done(adding: Workshop) -> None:
    adding.config["commit"] = {
        "author": "Ann <ann@example.org>",
        "trailers": {"Issue": "{id}", "Co-authored-by": "Bo <bo@example.org>"},
    }
    adding.drop(
        "---\nid: AAS-213\nlabels: [bug, area/stream]\n---\n# Live event stream\n\n"
        "- [ ] Keep the connection when the proxy closes it after a minute, and say so in the log `do: add size=3`\n"
    )
    adding.steps("branch", "plan", "work")
    task = adding.context().task.id
    assert adding.message(adding.branch) == (
        "fix(stream): keep the connection when the proxy closes it after a...\n\n"
        "Keep the connection when the proxy closes it after a minute, and say so\nin the log\n\n"
        "This is subtask 1 of issue AAS-213:\nLive event stream\n\n"
        "Done by the recipe add with size=3.\n\n"
        f"Sixth-Issue: AAS-213\nSixth-Task: {task}\nSixth-Subtask: 1\n"
        "Issue: AAS-213\nCo-authored-by: Bo <bo@example.org>"
    )
    assert adding.dir.git("log", "-1", "--format=%an <%ae>", adding.branch) == "Ann <ann@example.org>"


@pytest.mark.parametrize(
    "title",
    [
        "Sixth-Subtask: 9", "Signed-off-by: Eve <e@example.org>", "\U0001f600", "\u202eelif\u202c",
        "\u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd", "x" * 300, "fixup! main", "# not a comment", "--amend", "feat!: \x1b[31mred",
        "Co-authored-by: Eve <e@example.org>", "caf\u00e9 \udce9".encode("utf-8", "surrogatepass").decode("latin-1"),
    ],
)  # fmt: skip
def test_no_title_makes_a_trailer_or_an_unsafe_message(adding: Workshop, title: str) -> None:
    adding.drop(f"# {title}\n\nSixth-Issue: evil\n\n- [ ] {title} `do: add`\n")
    adding.steps("branch", "plan", "work")
    message = adding.message(adding.branch)
    subject = message.split("\n", 1)[0]
    assert 0 < len(subject) <= 72
    assert ": " in subject
    assert not has_unsafe_characters(message.replace("\n", ""))
    trailers = adding.dir.git("log", "-1", "--format=%(trailers:only,keyonly)", adding.branch).splitlines()
    assert trailers == ["Sixth-Issue", "Sixth-Task", "Sixth-Subtask"]


@pytest.mark.parametrize(
    "trailers", [{"Sixth-Subtask": "9"}, {"sixth-x": "1"}, {"a b": "1"}, {"Issue": "a\nb"}]
)
def test_trailers_that_are_the_bot_s_own_or_none_at_all_are_refused(trailers: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Config.model_validate({"commit": {"trailers": trailers}})


def test_what_is_more_than_an_hour_may_have_waits_until_the_hour_is_over(adding: Workshop) -> None:
    adding.config["limits"] = {"commits_per_hour": 1}
    adding.drop("# T\n\n- [ ] Add one `do: add`\n- [ ] Add two `do: add`\n")
    adding.steps("branch", "plan")
    with pytest.raises(TryLater, match=r"1 commit in the last hour.*limits\.commits_per_hour is 1") as caught:
        adding.step("work")
    assert 3590 < caught.value.seconds <= 3600
    assert len(adding.dir.subjects(f"main..{adding.branch}")) == 1
    adding.clock.advance(caught.value.seconds)
    adding.step("work")
    assert len(adding.dir.subjects(f"main..{adding.branch}")) == 2
