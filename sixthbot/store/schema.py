"""What there is to set, with defaults and limits; a key that is not here is an error, with a suggestion."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints
from pydantic.dataclasses import dataclass as checked_dataclass

from sixthbot.core.changelog import DEFAULT_HIDDEN
from sixthbot.core.pushways import Way
from sixthbot.store.schematypes import (
    Argv,
    Commands,
    Duration,
    LaneName,
    Name,
    Person,
    Prefix,
    Section,
    TrailerKey,
    Word,
    span,
)


class BranchSettings(Section):
    """How branches are named, and what they stand on."""

    name: Annotated[
        str,
        StringConstraints(
            pattern=r"^([a-z0-9/-]|\{(prefix|type|id)\})*\{(slug|id)\}([a-z0-9/-]|\{(prefix|type|id)\})*$",
            max_length=100,
        ),
    ] = Field(
        "{prefix}/{slug}",
        description="Template; `{prefix}`, `{slug}`, `{id}` and `{type}` (feat, fix, docs ...) are filled in.",
    )
    prefix: Prefix = Field("sixth", description="What the bot's branches begin with.")
    prefix_by: dict[
        Annotated[str, StringConstraints(pattern=r"^(label|type|id):[^\x00-\x20]+$", max_length=100)], Prefix
    ] = Field(
        default_factory=dict,
        description="Other prefixes by label, type or id, first that fits: "
        '`{ "id:AAS-*" = "maelstrom", "label:ui" = "web", "type:fix" = "bugfix" }`; `*` stands for anything.',
    )
    stack: bool = Field(
        default=True,
        description="An issue that depends on another starts on that one's branch once it has a draft, "
        "instead of waiting until it is merged.",
    )


class LimitSettings(Section):
    """How much the bot may do before people have caught up; what is beyond waits, with the reason, and goes on."""

    open_branches: int = Field(
        0, ge=0, le=10_000, description="Branches of issues that are not over at the same time; 0: no limit."
    )
    commits_per_hour: int = Field(
        0, ge=0, le=100_000, description="Commits of subtasks in any hour; 0: no limit."
    )


class CommitSettings(Section):
    """Who the bot's commits are by."""

    author: Person = Field("sixthbot <sixthbot@localhost>", description="Author, as `Name <address>`.")
    committer: Person = Field("sixthbot <sixthbot@localhost>", description="Committer, as `Name <address>`.")
    sign: Literal["no", "ssh", "gpg"] = Field(
        "no",
        description="How each commit is signed, also when it is rebased; one that cannot be signed is not made.",
    )
    key: Annotated[str, StringConstraints(pattern=r"^([^-\x00-\x1f][^\x00-\x1f]*)?$", max_length=4000)] = (
        Field(
            "",
            description="The key: a file, or `key::` and a public key that an agent has (ssh); an id (gpg). "
            "None: your own `user.signingKey`, then for gpg the committer's.",
        )
    )
    hooks: Literal["skip", "run"] = Field(
        "skip",
        description="Whether the hooks pre-commit and commit-msg run on commits of subtasks, as recipes do.",
    )
    trailers: dict[
        TrailerKey,
        Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f]+$", max_length=200)],
    ] = Field(
        default_factory=dict,
        description="Further trailers of each subtask's commit; `{id}` and `{title}` are the issue's: "
        '`{ Issue = "{id}", Co-authored-by = "Ann <ann@example.org>" }`.',
    )


class LaneSettings(Section):
    """A lane's share of the workers."""

    workers: int = Field(
        0, ge=0, le=64, description="Workers that take from this lane only, whatever `bot.workers` says."
    )


class BotSettings(Section):
    """The bot itself."""

    workers: int = Field(
        2,
        ge=1,
        le=64,
        description="Tasks worked on at the same time; one more than the lanes reserve at least.",
    )
    durability: Literal["power", "process"] = Field(
        "power",
        description="What finished work survives: a power cut, or only the end of the process (faster).",
    )
    keep_done: Duration = span(
        "30d", "How long the queue keeps the files of tasks that are over; then the journal tells of them."
    )
    keep_done_files: int = Field(
        1000, ge=0, le=100_000, description="How many files of tasks that are over the queue keeps at most."
    )
    keep_backups: Duration = span(
        "30d",
        "How long a change of branches can be undone: what they were at is kept by refs below `refs/sixth/`.",
    )


class WorkSettings(Section):
    """Work on subtasks."""

    timeout: Duration = span("15m", "How long a recipe may take that does not say.")


class Recipe(Section):
    """A command that an issue may ask for by name."""

    run: Argv = Field(description="The program and its arguments.")
    timeout: Duration | None = Field(
        None, description="How long it may take; none: as long as `work.timeout`."
    )
    description: str = Field("", description="What it does, for people.")


class CheckSettings(Section):
    """What must hold before a draft is good."""

    run: Commands = Field(default_factory=list, description="Commands, each a list of words, run in order.")
    timeout: Duration = span("15m", "How long each may take.")


class HealthSettings(Section):
    """What the shipped schedules run on the default branch."""

    types: Commands = Field(
        default_factory=list,
        description="The type check, every hour in which something changed; what of `[check]` is one if empty.",
    )
    tests: Commands = Field(
        default_factory=list, description="The tests, at night; the rest of `[check]` if empty."
    )
    timeout: Duration = span("1h", "How long each may take.")


# not a BaseModel: those have a method called `copy`
@checked_dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid", validate_default=True))
class WorktreeSettings:
    """The work trees that commands run in."""

    setup: Commands = Field(
        default_factory=list, description="Commands, each a list of words, run once in a fresh work tree."
    )
    copy: list[Word] = Field(
        default_factory=list, description="Files to copy from the main work tree, such as `.env`."
    )
    env: dict[Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")], Word] = Field(
        default_factory=dict, description="Environment variables for commands."
    )
    timeout: Duration = span("15m", "How long each set-up command may take.")
    keep: Duration = span("14d", "How long a work tree that nobody uses is kept for the next use.")
    confine: bool = Field(default=True, description="Keep commands from writing to the repository itself.")


class PushSettings(Section):
    """Where approved drafts go, see [pushing](push.md)."""

    remote: str = Field(
        "", description="A remote's name; none: that of the base's upstream, else the only one."
    )
    target: Way = Field(
        Way.BRANCH,
        description="How: a plain `branch`; with a request by gh (`github`), glab (`gitlab`) or GitLab's push options "
        "(`gitlab-options`); for review (`agit`, `gerrit`); a `letter` in a folder; a `request-pull` text; or by a `command`.",
    )
    command: list[Word] = Field(
        default_factory=list,
        description='The program that sends the branch, with its arguments, for `target = "command"`.',
    )
    timeout: Duration = span("10m", "How long the remote, or such a program, may take.")
    second_look: bool = Field(
        default=True, description="Whether detect-secrets looks for secrets, too, where it is installed."
    )
    allow_secrets: list[Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]] = Field(
        default_factory=list,
        description="What looks like a secret and is none, by the digest that the refusal names.",
    )


class SyncSettings(Section):
    """Where the state of issues, plans, drafts and tasks travels with `sixthbot sync`."""

    remote: str = Field("", description="A remote's name; none: `origin`, else the only one.")
    branches: bool = Field(
        default=True,
        description="Carry the branches of open issues, too, so that another clone can go on with them.",
    )
    timeout: Duration = span("2m", "How long one exchange with the remote may take.")


class NotifySettings(Section):
    """How a person is told."""

    run: list[Word] = Field(default_factory=list, description="The program called when a person is needed.")
    timeout: Duration = span("30s", "How long it may take.")


class ChangelogSettings(Section):
    """The changelog in each draft."""

    enabled: bool = Field(default=True, description="Whether drafts carry a changelog entry.")
    file: Annotated[str, StringConstraints(pattern=r"^([^/\x00-\x1f][^\x00-\x1f]*)?$")] = Field(
        "",
        description="The file, from the top of the repository; none: the changelog, changes, history, news or "
        "release_notes (.md, .rst, .txt) at the top of the base, else CHANGELOG.md.",
    )
    hide: list[Word] = Field(
        default_factory=lambda: list(DEFAULT_HIDDEN),
        description="Types of commits that the changelog of a whole history leaves out unless they break something.",
    )
    paths: list[Word] = Field(
        default_factory=list,
        description="Files and folders that `sixthbot changelog` looks at; none: all of the repository.",
    )
    tag: Annotated[str, StringConstraints(pattern=r"^$|\{version\}")] = Field(
        "",
        description="How tags of releases are named, such as `core@{version}`; none: `v1.2.3` or `1.2.3`, or as the "
        "folder that is looked at.",
    )
    issue_url: Annotated[str, StringConstraints(pattern=r"^$|^https?://[^\s()<>]*\{id\}[^\s()<>]*$")] = Field(
        "", description="Where issues are found, such as `https://example.com/issues/{id}`; none: no links."
    )


class DraftSettings(Section):
    """What a draft's text holds."""

    template: bool = Field(
        default=True,
        description="Whether the repository's own PR template (`.github/PULL_REQUEST_TEMPLATE.md` and its like, on the "
        "base) gives the text its shape.",
    )
    checklist: list[Annotated[Word, StringConstraints(min_length=1, max_length=300)]] = Field(
        default_factory=lambda: ["Read by a person"],
        max_length=50,
        description="Boxes that only a person ticks.",
    )
    closes: bool = Field(
        default=False,
        description="Whether the text tells the forge to close the issue that the issue file names as its `source`.",
    )


class RebaseSettings(Section):
    """When a branch is rebased onto its base."""

    policy: Literal["behind", "conflicted", "never"] = Field(
        "behind", description="When it is behind, only when a merge would conflict, or never."
    )


class ModelSettings(Section):
    """The local language model."""

    enabled: bool = Field(default=True, description="Whether a model may write prose.")
    url: str = Field("http://127.0.0.1:11434", description="Where the Ollama server answers.")
    model: str = Field("", description="The model's name; none: the first that the server has.")
    timeout: Duration = span("20s", "How long a text may take before the template serves.")


class DisplaySettings(Section):
    """What the command line looks like; also taken from a repository that is not trusted."""

    color: Literal["auto", "always", "never"] = Field("auto", description="When to use colour.")
    pager: bool = Field(default=True, description="Whether long texts go through the pager.")


class LogSettings(Section):
    """The program's own log, `.sixth/local/logs/sixthbot.jsonl`."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least level written; `debug` has every git command."
    )
    size: int = Field(
        10, ge=1, le=1024, description="MiB after which a file is put aside and a new one begun."
    )
    keep: int = Field(3, ge=1, le=50, description="How many that were put aside stay.")


class RulesSettings(Section):
    """Rules."""

    disabled: list[str] = Field(default_factory=list, description="Names of rules that are switched off.")


class HookSettings(Section):
    """Git's hooks."""

    autostart: bool = Field(
        default=False,
        description="Whether `sixthbot on-commit` and its like start a `run` in the background where no `watch` runs; "
        "for shims say `sixthbot init --hooks` again.",
    )


class Config(Section):
    """All settings."""

    branch: BranchSettings = BranchSettings()
    commit: CommitSettings = CommitSettings()
    limits: LimitSettings = LimitSettings()
    lanes: dict[LaneName, LaneSettings] = Field(
        default_factory=dict, description="A lane's share of the workers."
    )
    bot: BotSettings = BotSettings()
    work: WorkSettings = WorkSettings()
    recipes: dict[Name, Recipe] = Field(
        default_factory=dict, description="Commands that issues may ask for by name."
    )
    check: CheckSettings = CheckSettings()
    health: HealthSettings = HealthSettings()
    worktree: WorktreeSettings = WorktreeSettings()
    push: PushSettings = PushSettings()
    sync: SyncSettings = SyncSettings()
    notify: NotifySettings = NotifySettings()
    changelog: ChangelogSettings = ChangelogSettings()
    draft: DraftSettings = DraftSettings()
    rebase: RebaseSettings = RebaseSettings()
    llm: ModelSettings = ModelSettings()
    display: DisplaySettings = DisplaySettings()
    log: LogSettings = LogSettings()
    rules: RulesSettings = RulesSettings()
    hooks: HookSettings = HookSettings()
