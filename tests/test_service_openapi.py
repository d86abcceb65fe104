"""Schemathesis asks every documented route all sorts of things: no 5xx, and no undocumented answer."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import four
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from served import COUNTS, Served, serving

from kit.service.auth import Scope
from kit.store import Store

CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
)
KNOWN = {"slug": "four", "question": "counts"}


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One service for all questions, with something in it."""
    directory: Path = tmp_path_factory.mktemp("openapi")
    store = Store(directory / "store")
    competition = four.competition(directory / "four", phase="daily_limit = 1000")
    with serving(store, [competition], lambda: datetime(2026, 3, 2, 12, tzinfo=UTC)) as service:
        service.people |= {"ada": service.sign_up("ada"), "olga": service.organizer()}
        service.people["ada"].submit()
        service.score(1.0, 2.0)
        service.people["olga"].put(f"{COUNTS}/baselines/mean/notebook?state=ok", content=b"{}")
        yield service
    store.close()


def ask(asked: Served, case, person: str) -> None:
    user = asked.store.accounts.user(person)
    scopes = tuple(Scope) if person == "olga" else (Scope.READ, Scope.SUBMIT)
    # Most questions go to a competition that is there: made-up names would never get past 404.
    if len(str(case.query)) % 4:
        case.path_parameters = {k: KNOWN.get(k, v) for k, v in (case.path_parameters or {}).items()}

    response = case.call(headers={"Authorization": f"Bearer {asked.token(user, *scopes)}"})

    case.validate_response(response, checks=CHECKS)


@pytest.mark.slow
@pytest.mark.parametrize("person", ["ada", "olga"])
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["fitting", "unfit"])
def test_every_answer_is_documented_and_none_is_a_server_error(
    asked: Served, person: str, mode: GenerationMode
) -> None:
    # Schemathesis' own pytest plugin does not know pytest 9; hypothesis drives it as well.
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", asked.client.app)
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) > 30

    for operation in operations:

        @settings(
            max_examples=5,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
            derandomize=True,
            database=None,
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask_it(case) -> None:
            ask(asked, case, person)

        with contextlib.suppress(Unsatisfiable):
            ask_it()
