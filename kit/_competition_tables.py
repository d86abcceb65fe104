"""The tables below the first of competition.toml, each checked by itself. Reads nothing."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, time
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    field_validator,
    model_validator,
)

from kit._competition_code import Code
from kit._competition_form import Flag, Number, Table, Whole
from kit.metrics import Domain, get_metric

SLUG = r"^[a-z0-9][a-z0-9-]{0,62}$"
NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$"


def _no_number(value: object) -> object:
    """Refuse what pydantic would take for seconds since 1970."""
    if not isinstance(value, str | date):
        raise ValueError(f"{value!r} is no time. Write UTC, as in 2026-03-01T09:00:00Z.")
    return value


Utc = Annotated[AwareDatetime, BeforeValidator(_no_number), AfterValidator(lambda at: at.astimezone(UTC))]
"""A time with its zone, kept in UTC."""


class Phase(Table):
    """A stretch of time with its own limits; times are aware UTC, ``opens_at`` in, ``closes_at`` out."""

    id: str = Field(pattern=NAME, description="Name of the phase.")
    opens_at: Utc | None = Field(
        default=None, description="By default when the phase before closes, or the competition opens."
    )
    closes_at: Utc | None = Field(
        default=None, description="By default when the next phase opens, or the competition closes."
    )
    daily_limit: Whole | None = Field(
        default=None, ge=1, description="Submissions per team, question and day; see limits.day_starts_at."
    )
    total_limit: Whole | None = Field(
        default=None, ge=1, description="Submissions per team and question in the whole phase."
    )
    interval_s: Number = Field(
        default=0, ge=0, description="Least seconds between two submissions of a team to a question."
    )
    concurrent_limit: Whole | None = Field(
        default=None, ge=1, description="Submissions of a team to a question that may wait at a time."
    )
    rejected_count: Flag = Field(
        default=False, description="Whether REJECTED submissions use up the limits; ERROR never does."
    )
    leaderboard: Literal["public", "hidden", "frozen", "ladder"] = Field(
        default="public",
        description="hidden: participants see no scores in this phase. frozen: none of what is submitted "
        "in it, so the leaderboard stays as it was. ladder: each team sees its best score, which changes "
        "only by a clear improvement. All open when the competition closes.",
    )
    code_visible: Flag = Field(
        default=False, description="Whether every participant may read the code of all scored submissions."
    )


class Teams(Table):
    """How large teams may be, and until when they may be changed."""

    max_size: Whole = Field(default=1, ge=1, description="Members of a team, at most.")
    merge_until: Utc | None = Field(default=None, description="Has no effect yet: teams cannot merge.")


class Access(Table):
    """Who may sign up, and who may look on."""

    signup: Literal["open", "invite", "hub"] = Field(
        default="open",
        description="invite: only who has the invite code, or was added by an organizer. "
        "hub: only who a JupyterHub knows; the service must be one of its services.",
    )
    hub_groups: tuple[str, ...] = Field(
        default=(), description="Groups of the JupyterHub whose members may take part; by default everyone."
    )
    team_groups: str | None = Field(
        default=None,
        min_length=1,
        description="How names of the JupyterHub's groups begin that are teams: by team- the group team-owls "
        "is the team owls.",
    )
    emails: tuple[str, ...] = Field(
        default=(),
        description="Addresses that may take part, or @example.org for all of a domain; unverified.",
    )
    invite_code: str | None = Field(
        default=None, min_length=6, description="What invited participants sign up or join with."
    )
    leaderboard: Literal["participants", "everyone"] = Field(
        default="participants",
        description="everyone: people without a log-in see the leaderboards too, just as participants do: "
        "on the page /SLUG/leaderboard, for visitors and large screens.",
    )

    @field_validator("emails")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if odd := [entry for entry in value if not re.fullmatch(r"[^@\s]*@[^@\s]+", entry)]:
            fix = "Write ada@example.org, or @example.org for all of a domain."
            raise ValueError(f"{odd[0]!r} is no address. {fix}")
        return value

    @property
    def is_open_to_onlookers(self) -> bool:
        """Whether leaderboards are shown to people without a log-in."""
        return self.leaderboard == "everyone"

    @property
    def by_hub(self) -> bool:
        """Whether only a JupyterHub can tell who may take part."""
        return self.signup == "hub" or bool(self.hub_groups)

    @property
    def needs_hub(self) -> bool:
        """Whether it says something that only a service of a JupyterHub can keep."""
        return self.by_hub or self.team_groups is not None


class Limits(Table):
    """Limits of the whole competition."""

    day_starts_at: time = Field(default=time(0), description="When the day of daily_limit starts, in UTC.")
    max_mb: Number = Field(
        default=200, gt=0, description="Size of a submission, as sent and unpacked, in millions of bytes."
    )
    selected: Whole = Field(
        default=2, ge=1, description="Submissions per question that a team may select for the private score."
    )
    judge_wall_s: Number = Field(default=120, gt=0, description="Seconds that judging a submission may take.")
    judge_memory_mb: Number = Field(
        default=2048, gt=0, description="Memory that judging a submission may add, in millions of bytes."
    )

    @field_validator("day_starts_at", mode="before")
    @classmethod
    def _time_of_day(cls, value: object) -> object:
        if not isinstance(value, time):
            raise ValueError(f"{value!r} is no time of day. Write it as 06:00:00, without quotes.")
        return value


class Question(Table):
    """One target and one metric to rank by."""

    id: str = Field(pattern=NAME, description="Name of the question, part of its address.")
    title: str = Field(default="", description="Shown to participants.")
    metric: str = Field(description="Ranks the leaderboard: a metric's name, or metrics.py:function.")
    more_metrics: tuple[str, ...] = Field(default=(), description="Shown beside it, not ranked by.")
    metric_options: dict[str, Any] = Field(
        default={}, description="class_weights = { class = weight } for weighted_log_loss; 1 where not named."
    )
    greater_is_better: Flag | None = Field(
        default=None, description="Direction of your own metrics; needed where metric is one."
    )
    domain: Domain | None = Field(
        default=None, description="Form of the predictions, by default what the metrics need."
    )
    id_column: str = Field(description="Column by which predictions and truth are matched.")
    target: tuple[str, ...] = Field(description="The truth's column to predict, or a list of them.")
    classes: tuple[str, ...] = Field(
        default=(), description="Classes in order, by default sorted; probabilities are of the last of two."
    )
    group_column: str | None = Field(
        default=None,
        description="The truth's column of queries or groups, for ndcg and map and for intervals.",
    )
    event_column: str | None = Field(
        default=None, description="The truth's column of 1 (observed) or 0 (censored), for concordance_index."
    )
    truth: str = Field(
        description="File of ids, targets and split (public or private), CSV or Parquet; never given away."
    )
    data: tuple[str, ...] = Field(default=(), description="Files that participants get.")
    sample_submission: str | None = Field(
        default=None, description="A file in the form of a submission; participants get it too."
    )
    baselines: tuple[str, ...] = Field(
        default=(), description="Reference notebooks, as paths or patterns, which kit baseline runs."
    )
    weight: Number = Field(default=1.0, ge=0, description="Weight in the leaderboard of all questions.")
    code: Code | None = Field(
        default=None, description="Table [question.code]: code may be submitted, and how it is run."
    )

    @model_validator(mode="before")
    @classmethod
    def _a_problem_brings_its_truth(cls, value: object) -> object:
        """Leave out what a problem.py says: rows, labels, score types; its first one ranks."""
        code = value.get("code") if isinstance(value, dict) else None
        if not isinstance(value, dict) or not isinstance(code, dict) or "problem" not in code:
            return value
        brought = {"metric": f"{code['problem']}:", "id_column": "row", "target": ["y"], "truth": ""}
        return brought | value

    @field_validator("target", mode="before")
    @classmethod
    def _one_target_is_a_list_too(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value

    @field_validator("classes", mode="before")
    @classmethod
    def _classes_are_text(cls, value: object) -> object:
        return [class_text(item) for item in value] if isinstance(value, list) else value

    @field_validator("classes")
    @classmethod
    def _each_class_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if repeated := [name for name in dict.fromkeys(value) if value.count(name) > 1]:
            raise ValueError(
                f"'{repeated[0]}' stands {value.count(repeated[0])} times. Name each class once."
            )
        return value

    @field_validator("target")
    @classmethod
    def _a_target_at_least(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("names no column. Name at least one target column.")
        return value

    @field_validator("metric", "more_metrics")
    @classmethod
    def _known_metrics(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        for name in (value,) if isinstance(value, str) else value:
            if name.endswith(".py"):
                raise ValueError(f"'{name}' names no function. Write '{name}:FUNCTION'.")
            if not is_custom(name):
                get_metric(name)
        return value

    @model_validator(mode="after")
    def _custom_metrics_have_a_direction(self) -> Self:
        if self.metric.partition(":")[0] in self.metric_files and self.greater_is_better is None:
            raise ValueError(
                f"'{self.metric}' is your own metric, and its direction cannot be guessed. "
                "Add greater_is_better = true or false."
            )
        if self.greater_is_better is not None and not any(map(is_custom, self.metrics)):
            direction = get_metric(self.metric).greater_is_better
            if self.greater_is_better != direction:
                raise ValueError(
                    f"greater_is_better is {str(self.greater_is_better).lower()}, and the contrary holds for "
                    f"'{self.metric}'. Take it out: it is for your own metrics."
                )
        return self

    @model_validator(mode="after")
    def _columns_are_different(self) -> Self:
        columns = [self.id_column, *self.target, "split"]
        if repeated := [c for c in dict.fromkeys(columns) if columns.count(c) > 1]:
            raise ValueError(
                f"'{repeated[0]}' is named as two columns. id_column, target and 'split' differ."
            )
        return self

    @field_validator("metric_options")
    @classmethod
    def _known_options(cls, value: dict[str, Any]) -> dict[str, Any]:
        if odd := sorted(set(value) - {"class_weights"}):
            fix = "It is class_weights = { class = weight }; other numbers go into the name: pinball@0.9."
            raise ValueError(f"'{odd[0]}' is no option of a metric. {fix}")
        weights = value.get("class_weights", {})
        if not isinstance(weights, dict) or not all(_is_weight(w) for w in weights.values()):
            raise ValueError(
                f"class_weights is {weights!r}. Write class_weights = {{ class = weight }}, from 0 up."
            )
        return value

    @property
    def metric_files(self) -> tuple[str, ...]:
        """Files of the organizer's own metrics, other than a problem.py, which has score types."""
        files = dict.fromkeys(name.partition(":")[0] for name in self.metrics if is_custom(name))
        return tuple(file for file in files if self.code is None or file != self.code.problem)

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metric ranked by, then those only shown, each once."""
        return tuple(dict.fromkeys((self.metric, *self.more_metrics)))

    @property
    def has_problem(self) -> bool:
        """Whether a problem.py brings its labels, folds and score types."""
        return self.code is not None and self.code.problem is not None

    @property
    def kinds(self) -> tuple[str, ...]:
        """What may be submitted: predictions, code or notebook."""
        if self.has_problem:
            return ("code",)
        return self.code.kinds if self.code is not None else ("predictions",)

    def is_greater_better(self, metric: str) -> bool:
        """Direction of one of the question's metrics."""
        return bool(self.greater_is_better) if is_custom(metric) else get_metric(metric).greater_is_better


def is_custom(metric: str) -> bool:
    """Whether a metric is the organizer's own function, ``file.py:function``."""
    return ":" in metric


def _is_weight(value: object) -> bool:
    return isinstance(value, int | float) and 0 <= value < math.inf


def class_text(value: object) -> str:
    """A class as text, the same from TOML, CSV and Parquet: 1, 1.0 and "1" are one class."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
