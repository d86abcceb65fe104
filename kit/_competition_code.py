"""The table [question.code] of competition.toml: what code is trained on, how it is split, its limits.

Reads nothing.
"""

from __future__ import annotations

import keyword
from pathlib import PurePosixPath
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from kit._competition_form import Flag, Number, Table, Whole

KINDS = ("predictions", "code", "notebook")


class Code(Table):
    """Code is trained and scored on each fold, in a sandbox; limits are those of one fold."""

    problem: str | None = Field(
        default=None, description="A problem.py in RAMP's contract, in place of train and test."
    )
    train: str | None = Field(
        default=None, description="Table of ids, inputs and targets, CSV or Parquet; its rows make the folds."
    )
    test: str | None = Field(default=None, description="Table of the truth's ids and their inputs.")
    submission: str = Field(
        default="estimator", description="Name of the file, without .py, that defines get_estimator()."
    )
    splitter: dict[str, Any] = Field(
        default={},
        description="{ name, its options }: any splitter of scikit-learn; groups names a column of train. "
        "By default 5 shuffled folds, stratified where the target is a class.",
    )
    cpu_s: Number = Field(default=300, gt=0, description="Seconds of CPU time.")
    wall_s: Number = Field(default=600, gt=0, description="Seconds by the clock.")
    memory_mb: Number = Field(default=2048, ge=64, description="Memory, in millions of bytes.")
    pids: Whole = Field(default=64, ge=1, description="Processes and threads at a time.")
    disk_mb: Number = Field(default=512, gt=0, description="What may be written, in millions of bytes.")
    gpus: Whole = Field(default=0, ge=0, le=0, description="Has no effect yet: only 0.")
    threads: Whole = Field(default=1, ge=1, description="Threads that numerical libraries use.")
    seed: Whole = Field(
        default=0, ge=0, lt=2**32, description="Of Python's and numpy's random numbers, set before each run."
    )
    kinds: tuple[Literal["predictions", "code", "notebook"], ...] = Field(
        default=("predictions", "code"),
        min_length=1,
        description="What may be submitted; with problem, code alone.",
    )
    environment: str | None = Field(
        default=None,
        description="Python environment that code runs in: a folder, or a requirements file (.txt).",
    )
    isolation: Literal["isolated", "limited", "none"] = Field(
        default="isolated", description="Least isolation that is accepted; below it, no code runs."
    )
    hide_inputs: Flag | None = Field(
        default=None,
        description="Whether errors and output that could show test inputs are withheld; by default where "
        "test is not among data.",
    )
    repeat: Flag = Field(
        default=True, description="Run the first fold twice, to see whether scores can be reproduced."
    )

    @model_validator(mode="before")
    @classmethod
    def _problem_or_tables(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        tables = [key for key in ("train", "test") if key in value]
        if "problem" in value and tables:
            raise ValueError(f"problem and {tables[0]} are both given. Take one of the two out.")
        if "problem" not in value and len(tables) < 2:
            missing = " and ".join(f"{key} = …" for key in ("train", "test") if key not in value)
            raise ValueError(f"does not say what code is trained on. Add {missing}, or problem = …")
        return value

    @field_validator("submission")
    @classmethod
    def _a_module(cls, value: str) -> str:
        if not value.isidentifier() or keyword.iskeyword(value):
            raise ValueError(f"{value!r} cannot be imported. Name a module, without .py, as in 'estimator'.")
        return value

    @field_validator("problem")
    @classmethod
    def _a_python_file(cls, value: str | None) -> str | None:
        if value is not None and PurePosixPath(value).suffix != ".py":
            raise ValueError(f"{value!r} is no Python file. Name a problem.py.")
        return value

    @field_validator("splitter")
    @classmethod
    def _plain_name_and_groups(cls, value: dict[str, Any]) -> dict[str, Any]:
        for key in ("name", "groups"):
            if not isinstance(value.get(key, ""), str):
                raise ValueError(f"{key} is {value[key]!r}. Write it as text.")
        return value

    @model_validator(mode="after")
    def _a_problem_takes_code_alone(self) -> Self:
        if self.problem and "kinds" in self.model_fields_set and self.kinds != ("code",):
            odd = next(kind for kind in self.kinds if kind != "code")
            raise ValueError(f"kinds has '{odd}', and a problem.py judges code alone. Take kinds out.")
        return self

    @model_validator(mode="after")
    def _folds_come_from_one_place(self) -> Self:
        if self.problem and self.splitter:
            raise ValueError("splitter and problem are both given. A problem.py has a get_cv of its own.")
        return self

    @model_validator(mode="after")
    def _notebooks_read_tables(self) -> Self:
        if self.problem and "notebook" in self.kinds:
            raise ValueError(
                'kinds holds "notebook", and notebooks read train and test. Name these in place of problem.'
            )
        return self

    @property
    def requirements(self) -> str | None:
        """The requirements file of the environment, if it is one."""
        return self.environment if self.environment and self.environment.endswith(".txt") else None

    @property
    def files(self) -> tuple[tuple[str, str], ...]:
        """Key and path of each file of the competition's folder that the table names."""
        named = {"problem": self.problem, "train": self.train, "test": self.test}
        named["environment"] = self.requirements
        return tuple((key, path) for key, path in named.items() if path)

    def hides_inputs(self, data: tuple[str, ...]) -> bool:
        """Whether test inputs are kept from participants, who are given ``data``."""
        if self.hide_inputs is not None:
            return self.hide_inputs
        return self.test is None or PurePosixPath(self.test) not in map(PurePosixPath, data)
