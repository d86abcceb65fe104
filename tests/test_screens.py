"""The organizers' screen and the big one, against a service in memory."""

from __future__ import annotations

import json
from typing import Any

import pytest
from waiting import until
from widget_facts import ISOLATION, QUESTION, FakeCompetition, FakeService, at, comp, facts, inside

from kit.widgets import Fragment, big_screen, organizer
from kit.widgets.fragment import button, el
from kit.widgets.plot import best_over_time
from kit.widgets.service import KeyNumbers, QueueView, baselines_table, show_baselines


def test_the_organizers_screen_shows_everything_live() -> None:
    client = FakeService(role="organizer")
    tries = [{"submission": n, "submitted_at": at(hours=n), "public": 0.3, "private": 0.2} for n in (1, 2)]
    series = {"question": "sex", "team": "ada", "n_submissions": 2, "flags": [], "bits": 9.0, "worth": 0.4}
    growth = {"growth": 0.1, "se": 0.05}
    client.answers["/competitions/penguins/probing"] = [{**series, "overfitting": growth, "tries": tries}]
    shown = organizer(FakeCompetition(client))  # type: ignore[arg-type]

    watched = " ".join(client.watched)
    for part in (
        "split=public",
        "split=private",
        "/submissions",
        "/users",
        "/queue",
        "/baselines",
        "/probing",
    ):
        assert part in watched
    assert "1 Participants" in " ".join(each.text for each in inside(shown, KeyNumbers))


def test_a_participant_is_refused_on_the_organizers_screen() -> None:
    shown = organizer(comp())

    (form,) = shown.children
    assert "for organizers" in form.message
    assert form.sign_up is False


def test_a_participant_who_logs_in_as_organizer_is_refused() -> None:
    handle = comp()
    handle.client.token = None
    shown = organizer(handle)
    (form,) = shown.children

    form._heard(form, {"action": "log in", "name": "ada", "password": "correct horse"}, [])
    until(lambda: form.message and not form.busy)

    assert "for organizers" in form.message
    assert handle.client.watched == []


def test_the_big_screen_asks_to_read_and_nothing_else() -> None:
    handle = comp()
    handle.client.token = None
    asked: list[Any] = []
    handle.client.log_in = lambda name, password, *, scopes=None: asked.append(scopes)
    shown = big_screen(handle)

    form = shown.children[0]
    form._heard(form, {"action": "log in", "name": "ada", "password": "correct horse"}, [])
    until(lambda: asked and not form.busy)

    assert asked == [("read",)]


def test_no_worker_is_an_alarm() -> None:
    view, numbers = QueueView(), KeyNumbers()
    queue: dict[str, Any] = {"queued": [{"submission": 1, "team": "ada", "question": "sex", "place": 1}]}
    queue |= {"running": [], "workers": [], "errors": [], "isolation": ISOLATION}

    view.show(queue)
    numbers.show_queue(queue)

    assert "No worker is running" in view.workers.text
    assert "kit-tone-bad" in json.dumps(numbers.nodes)


@pytest.mark.parametrize(
    ("what", "told"),
    [("disk full", "disk is full: nothing new is taken"), ("database busy", "holds the service's database")],
)
def test_what_keeps_the_service_from_taking_submissions_is_an_alarm(what: str, told: str) -> None:
    view = QueueView()
    queue: dict[str, Any] = {"queued": [], "running": [], "workers": [], "errors": [], "isolation": ISOLATION}

    view.show({**queue, "trouble": {"what": what, "incident": "K7QD-M2XA"}})

    assert told in view.workers.text
    assert "Incident K7QD-M2XA." in view.workers.text


def test_the_level_that_code_runs_at_is_shown_and_less_than_isolated_is_a_warning() -> None:
    view = QueueView()
    queue: dict[str, Any] = {"queued": [], "running": [], "workers": [], "errors": [], "isolation": ISOLATION}

    view.show(queue)
    fine = json.dumps(view.workers.nodes)
    refused = "mine/sex: code runs only 'isolated'"
    limited = {**ISOLATION, "level": "limited", "missing": ["namespaces"], "refused": [refused]}
    view.show({**queue, "isolation": limited})

    assert "level 'isolated'" in fine
    assert "kit-tone-warn" not in fine
    assert "level 'limited'. Not at hand: namespaces." in view.workers.text
    assert refused in view.workers.text


def test_a_baseline_that_fails_is_red_with_its_cell_and_error() -> None:
    table = baselines_table(several=False)

    show_baselines(table, [{"name": "forest", "state": "failed", "cell": 4, "error": "KeyError: 'x'"}])

    (row,) = table.rows
    assert (row["_tone"], row["cell"], row["error"]) == ("bad", 4, "KeyError: 'x'")


def test_the_plot_keeps_the_best_score_in_the_metrics_direction() -> None:
    def scored(score: float, hours: int, **changed: Any) -> dict[str, Any]:
        value = {"public": {"log_loss": {"score": score}}}
        return facts("SCORED", score=value, submitted_at=at(hours=-hours), **changed)

    found = [scored(0.4, 1), scored(0.5, 2), scored(0.3, 3), scored(0.1, 1, team="mean", baseline=True)]

    assert best_over_time(found, QUESTION) == [("ada", [at(hours=-h) for h in (1, 2, 3)], [0.4, 0.4, 0.3])]


def test_a_button_calls_what_it_is_for_and_nothing_else() -> None:
    pressed: list[str] = []
    shown = Fragment(el("p", button("Go", "go")), on={"go": lambda: pressed.append("go")})

    for action in ("go", "close", None):
        shown._heard(shown, {"action": action}, [])

    assert pressed == ["go"]
