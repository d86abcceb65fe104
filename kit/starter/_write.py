"""Writes a drafted competition: competition.toml, rules, data, truth, sample submission, notebooks."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from string import Template

import numpy as np
import pandas as pd
import tomlkit

from kit.competition import FILE, class_text
from kit.metrics import Domain
from kit.starter._code import code_table, submissions
from kit.starter._draft import Draft
from kit.starter._notebooks import notebooks
from kit.starter._tables import Tables

OPEN_FOR = timedelta(days=7)
TEMPLATES = Path(__file__).parent.parent / "templates"


def write_competition(
    directory: Path, draft: Draft, tables: Tables, *, title: str | None, now: datetime, takes_code: bool
) -> None:
    """Write all files into a new or empty folder; the truth readable by this account only."""
    name = directory.resolve().name
    title = title or re.sub(r"[-_]+", " ", name).strip().capitalize() or "Competition"
    for folder in ("data", "notebooks/baselines"):
        (directory / folder).mkdir(parents=True, exist_ok=True)
    (directory / "private").mkdir(mode=0o700)
    shutil.copyfile(tables.train_path, directory / "data/train.csv")
    shutil.copyfile(tables.test_path, directory / "data/test.csv")
    _write_secret(directory / "private/truth.csv", _truth(draft, tables).to_csv(index=False))
    _sample(draft, tables).to_csv(directory / "data/sample_submission.csv", index=False)
    for file, text in notebooks(draft).items():
        (directory / "notebooks/baselines" / file).write_text(text, encoding="utf-8")
    for submission, text in submissions(draft).items() if takes_code else ():
        (directory / "submissions" / submission).mkdir(parents=True)
        (directory / "submissions" / submission / "estimator.py").write_text(text, encoding="utf-8")
    rules = Template((TEMPLATES / "rules.md").read_text(encoding="utf-8"))
    (directory / "rules.md").write_text(rules.substitute(title=title), encoding="utf-8")
    toml = Template((TEMPLATES / FILE).read_text(encoding="utf-8"))
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:63] or "competition"
    keys = _keys(draft, title, slug, now) | {"code": code_table() if takes_code else ""}
    (directory / FILE).write_text(toml.substitute(keys), encoding="utf-8")


def _write_secret(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
        file.write(text)


def _truth(draft: Draft, tables: Tables) -> pd.DataFrame:
    kept = [c for c in tables.truth.columns if c not in (draft.id_column, *draft.target, "split")]
    columns = [draft.id_column, *draft.target, *kept]
    return tables.truth[columns].assign(split=draft.split.to_numpy())


def _sample(draft: Draft, tables: Tables) -> pd.DataFrame:
    """Constants from the training data, in the form of a submission."""
    sample = tables.test[[draft.id_column]].copy()
    train = tables.train(draft.target)
    for column in draft.target:
        known = train[column].dropna().map(class_text) if draft.classes else train[column].dropna()
        shares = known.value_counts(normalize=True) if draft.classes else None
        if shares is None:
            sample[column] = float(np.median(train[column].dropna()))
        elif draft.domain is Domain.LABEL:
            sample[column] = shares.index[0]
        elif draft.domain is Domain.DISTRIBUTION:
            for name in map(class_text, draft.classes):
                sample[name] = round(float(shares.get(name, 0.0)), 4)
        else:
            sample[column] = round(float(shares.get(class_text(draft.classes[-1]), 0.0)), 4)
    return sample


def _keys(draft: Draft, title: str, slug: str, now: datetime) -> dict[str, str]:
    one = draft.target[0] if len(draft.target) == 1 else None
    classes = _array(map(class_text, draft.classes))
    last = "; predictions are the probability of the last" if draft.domain is Domain.PROBABILITY else ""
    lines = ["# Guessed by kit init; change here what is not so.\n"] if draft.guesses else []
    lines += ["# " + " ".join(f"{g.key} = {g.value}: {g.why}".split()) + "\n" for g in draft.guesses]
    return {
        "title": _text(title),
        "slug": _text(slug),
        "summary": _text(draft.summary),
        "opens_at": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "closes_at": f"{now + OPEN_FOR:%Y-%m-%dT%H:%M:%SZ}",
        "guesses": "".join(lines),
        "question": _text(re.sub(r"[^A-Za-z0-9_-]+", "-", one or "").strip("-_")[:63] or "main"),
        "metric": _text(draft.metric),
        "more_metrics": _array(draft.more_metrics),
        "id_column": _text(draft.id_column),
        "target": _text(one) if one is not None else _array(draft.target),
        "classes": f"classes      = {classes}  # in this order{last}\n" if draft.classes else "",
    }


def _text(value: str) -> str:
    return tomlkit.string(value).as_string()


def _array(values: Iterable[str]) -> str:
    return f"[{', '.join(map(_text, values))}]"
