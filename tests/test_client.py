"""The client as a participant uses it, on a real service; where time matters, on one in memory."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import four
import nbclient
import nbformat
import numpy as np
import pandas as pd
import polars
import pyarrow.parquet as pq
import pytest
from arena import CODES, PASSWORD, Recorded, lossy_way, taking_part, write_all
from conftest import Clock, Serve
from running import Service, free_port, running
from served import Served, failed, rejected, scored
from test_predictions import BAD_FILES
from test_service_scores import judged
from waiting import until

import kit
from kit import credentials
from kit.client import Client, CompetitionClient, Submission, http, submission
from kit.client.files import read_tables
from kit.errors import (
    AlreadyExists,
    InvalidPredictions,
    InvalidRequest,
    KitError,
    NotAllowed,
    NotFound,
    NotLoggedIn,
    ServiceError,
)

GOOD = pd.DataFrame({"id": [4, 2, 1, 3], "count": [41.0, 21, 11, 31]})


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    home = tmp_path_factory.mktemp("arena")
    with running(write_all(home), home / "data") as service:
        yield service


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("KIT_URL", "KIT_TOKEN", "SERVER_SOFTWARE", "VOILA_PREHEAT", "VOILA_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("KIT_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """Of a participant no other test knows."""
    return f"ada{abs(hash(request.node.nodeid))}"


@pytest.fixture
def comp(service: Service, name: str) -> Iterator[CompetitionClient]:
    comp = taking_part(service.url, name)
    yield comp
    comp.client.close()


@pytest.fixture
def pair(comp: CompetitionClient) -> CompetitionClient:
    pair = comp.client.competition("pair")
    pair.accept_rules()
    return pair


# Connecting


def test_connecting_by_name_and_password_says_what_there_is_to_do(service: Service, name: str) -> None:
    Client(service.url).sign_up(name, PASSWORD)

    comp = kit.connect(f"{service.url}/pair", name=name, password=PASSWORD)

    assert comp.team.name == name
    title, chance, pet, who, _ = repr(comp).splitlines()
    assert title.startswith(f"Pair ({service.url}/pair): open, closes in ")
    assert chance == "  question 'chance': log_loss, less is better; predict sick for 8 rows by code"
    assert pet == "  question 'pet': accuracy, greater is better; predict pet for 8 rows by code"
    assert who == f"  logged in as {name}"


def test_connecting_without_words_takes_the_saved_login(service: Service, comp: CompetitionClient) -> None:
    saved = credentials.Credentials(service.url, str(comp.client.token), comp.team.name)
    credentials.save(saved, competition="four")

    again = kit.connect()

    assert again.slug == "four"
    assert again.team == comp.team


NOBODY = "http://127.0.0.1:9/four"
CONNECTING: dict[str, tuple[str | None, dict[str, str], type[KitError], str]] = {
    "no address": (None, {}, InvalidRequest, "No service is known yet. .* kit login http"),
    "no address at all": ("four", {}, InvalidRequest, "'four' is not an address; it begins with http"),
    "no service": (NOBODY, {}, ServiceError, "No service answers at http://127.0.0.1:9 .*Check the address"),
    "no login": ("{url}/four", {}, NotLoggedIn, "You are not logged in to .*: kit login {url}/four"),
    "wrong token": ("{url}/four", {"token": "kit_wrong"}, NotLoggedIn, "wrong, expired or revoked: log in"),
    "token of other signs": ("{url}/four", {"token": "kit_ü"}, NotLoggedIn, "characters that no token has"),
    "token on two lines": ("{url}/four", {"token": "kit_a\nb"}, NotLoggedIn, "characters that no token has"),
    "wrong password": ("{url}/four", {"name": "ada", "password": "x"}, NotLoggedIn, "password is wrong"),
    "no password": ("{url}/four", {"name": "ada"}, InvalidRequest, "Pass name and password together"),
    "wrong slug": ("{url}/for", {"token": "t"}, NotFound, "no competition 'for' .* 'four', 'counts', 'pair'"),
    "several": ("{url}", {"token": "t"}, NotFound, "several competitions: 'four'.*Say which: {url}/four"),
    "under a path": ("{url}/a/four", {"token": "t"}, ServiceError, "No competition service answers at"),
}


@pytest.mark.parametrize(("url", "given", "error", "text"), CONNECTING.values(), ids=CONNECTING)
def test_connecting_fails_with_the_way_out(
    service: Service, url: str | None, given: dict[str, str], error: type[KitError], text: str
) -> None:
    with pytest.raises(error, match=text.format(url=service.url)):
        kit.connect(url and url.format(url=service.url), **given)


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"name": "ada lovelace"}, "name: A name has 2 to 40 letters"),
        ({"password": "short"}, "password: A password has 10 to 1000 characters"),
    ],
    ids=["name", "password"],
)
def test_a_wrong_sign_up_is_told_in_words(service: Service, wrong: dict[str, str], text: str) -> None:
    with pytest.raises(InvalidRequest, match=text):
        Client(service.url).sign_up(**({"name": "adaline", "password": PASSWORD} | wrong))


def test_a_name_is_taken_once(service: Service, comp: CompetitionClient, name: str) -> None:
    with pytest.raises(AlreadyExists, match=f"'{name}' is taken: log in, or choose another"):
        Client(service.url).sign_up(name, PASSWORD)


def test_two_people_in_one_process_do_not_mix(service: Service, name: str) -> None:
    ada, bob = taking_part(service.url, f"{name}a"), taking_part(service.url, f"{name}b")

    number = ada.submit(GOOD, wait=True).id

    assert (ada.team.name, bob.team.name) == (f"{name}a", f"{name}b")
    assert not bob.submissions()
    with pytest.raises(NotFound, match=f"There is no submission {number}"):
        bob.submission(number)


ASKING: dict[str, Callable[[CompetitionClient], object]] = {
    "submit": lambda comp: comp.submit(GOOD),
    "check": lambda comp: comp.check(GOOD),
    "submissions": lambda comp: comp.submissions(),
    "data": lambda comp: comp.data(),
    "select": lambda comp: comp.select(1),
    "team": lambda comp: comp.team,
    "limits": lambda comp: comp.limits(),
    "leaderboard": lambda comp: comp.leaderboard(),
}


@pytest.mark.parametrize("ask", ASKING.values(), ids=ASKING)
def test_a_revoked_token_is_told_of_by_all_that_needs_one(
    service: Service, comp: CompetitionClient, ask: Callable[[CompetitionClient], object]
) -> None:
    other = Client(service.url, token=comp.client.token).competition("four")
    comp.client.log_out()

    with pytest.raises(NotLoggedIn, match=r"not logged in to |Log in first"):
        ask(comp)
    with pytest.raises(NotLoggedIn, match="The token is wrong, expired or revoked: log in again"):
        ask(other)


# Data


def test_data_are_downloaded_once(service: Service, name: str) -> None:
    way = Recorded()
    comp = taking_part(service.url, name, transport=way)

    first, second = comp.data(), comp.data()

    assert first.keys() == {"train", "test"}
    assert first["train"]["height"].to_list() == [1.5, 2.5, 3.5]
    pd.testing.assert_frame_equal(first["train"], second["train"])
    assert [Path(path).name for path in way.paths if "/data/" in path] == ["train.csv", "test.csv"]


@pytest.mark.parametrize("everywhere", [False, True], ids=["in the folder", "in the cache too"])
def test_a_damaged_file_is_mended(comp: CompetitionClient, home: Path, everywhere: bool) -> None:
    file = comp.data_dir() / "train.csv"
    damaged = [file, *(home / "cache/by-hash").iterdir()] if everywhere else [file]
    for path in damaged:
        path.write_bytes(b"?" * path.stat().st_size)

    mended = comp.data()["train"]

    assert mended["count"].to_list() == [15, 25, 35]


def test_a_file_that_arrives_damaged_is_not_kept(service: Service, name: str, home: Path) -> None:
    comp = taking_part(service.url, name, transport=Recorded(lambda content: content[:-1] + b"9"))

    with pytest.raises(ServiceError, match=r"train.csv arrived damaged: its SHA-256 is .* Try again"):
        comp.data()

    assert not [path for path in (home / "cache").rglob("*") if path.is_file()]


def test_the_data_of_all_questions_come_together(pair: CompetitionClient) -> None:
    data = pair.data()

    assert data.keys() == {"train", "test", "sample_chance"}
    assert pair.data("pet").keys() == {"train", "test"}
    assert data["test"]["code"].to_list() == list(CODES)
    with pytest.raises(NotFound, match=r"no question 'cat'. There are: 'chance', 'pet'"):
        pair.data("cat")


def test_words_for_nothing_are_ids_and_classes(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("code,size,place\nNA,1,NA\nnull,NA,EU\nDE,3,\n")
    question = {"id": "q", "id_column": "code", "target": ["place"], "data": [{"name": "train.csv"}]}

    classes = read_tables(tmp_path, {**question, "classes": ["EU", "NA"]})["train"]
    numbers = read_tables(tmp_path, question)["train"]

    assert classes["code"].tolist() == ["NA", "null", "DE"]
    assert classes["size"].isna().tolist() == [False, True, False]
    assert classes["place"].tolist()[:2] == ["NA", "EU"]
    assert classes["place"].isna().tolist() == [False, False, True]
    assert numbers["place"].isna().tolist() == [True, False, True]


def test_data_are_tables_for_sql(comp: CompetitionClient) -> None:
    assert comp.sql("select sum(count) as n from train")["n"].to_list() == [75]


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("select * from tests", r"relation 'tests' was not found. The tables are: train, test."),
        ("select hight from train", 'unable to find column "hight".*The tables are: train, test.'),
        ("selec", r"sql parser error.*The tables are: train, test."),
    ],
    ids=["table", "column", "grammar"],
)
def test_a_wrong_query_is_told_with_the_tables(comp: CompetitionClient, query: str, text: str) -> None:
    with pytest.raises(InvalidRequest, match=f"(?s)^The query failed: .*{text}$") as caught:
        comp.sql(query)

    assert "SCAN" not in str(caught.value)


# Checking


@pytest.fixture(scope="module")
def refused(service: Service, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Submission]]:
    """Each bad file, and what the service made of it."""
    folder = tmp_path_factory.mktemp("bad")
    comp = taking_part(service.url, "bad", "counts")
    sent = {}
    for number, (name, (content, _)) in enumerate(BAD_FILES.items()):
        file = folder / f"{number}.csv"
        file.write_bytes(content)
        sent[name] = (file, comp.submit(file, note=name))
    for _, handle in sent.values():
        handle.wait(120)
    return sent


@pytest.fixture(scope="module")
def checker(service: Service) -> CompetitionClient:
    return taking_part(service.url, "checker", "counts")


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_check_here_tells_word_for_word_what_the_service_would(
    refused: dict[str, tuple[Path, Submission]], checker: CompetitionClient, case: str
) -> None:
    file, there = refused[case]

    with pytest.raises(InvalidPredictions) as here:
        checker.check(file)

    assert (there.state, there.verdict) == ("REJECTED", "invalid predictions")
    assert list(here.value.problems) == there.reasons
    assert str(here.value).splitlines()[1:] == repr(there).splitlines()[1:]


@pytest.mark.parametrize(
    ("question", "content", "problem"),
    [
        ("chance", "code,sick\n7,2\n", "1 value outside [0, 1]: id '7' (2.0)"),
        (
            "pet",
            "code,pet\n7,cow\n",
            "1 value is no known class: id '7' ('cow'); the classes are 'cat', 'dog'",
        ),
    ],
    ids=["probabilities", "classes"],
)
def test_a_check_knows_text_ids_and_what_the_values_may_be(
    pair: CompetitionClient, home: Path, question: str, content: str, problem: str
) -> None:
    file = home / "p.csv"
    file.write_text(content)

    with pytest.raises(InvalidPredictions) as here:
        pair.check(file, question)
    there = pair.submit(file, question=question, wait=True)

    assert here.value.problems == ("7 ids missing: '007', 'a', 'b', 'c', 'd', …", problem)
    assert there.reasons == list(here.value.problems)


FORMS: dict[str, Callable[[pd.DataFrame], object]] = {
    "DataFrame": lambda good: good,
    "indexed DataFrame": lambda good: good.set_index("id"),
    "Series": lambda good: good.set_index("id")["count"],
    "polars": lambda good: polars.DataFrame(good.to_dict("list")),
    "array": lambda good: good.sort_values("id")["count"].to_numpy(),
    "column of an array": lambda good: good.sort_values("id")[["count"]].to_numpy(),
    "list": lambda good: good.sort_values("id")["count"].to_list(),
    "bytes": lambda good: good.to_csv(index=False).encode(),
}
FILES: dict[str, Callable[[pd.DataFrame, Path], object]] = {
    "p.csv": lambda good, file: good.to_csv(file, index=False),
    "p.csv.gz": lambda good, file: good.to_csv(file, index=False),
    "p.csv.zst": lambda good, file: good.to_csv(file, index=False),
    "p.parquet": lambda good, file: good.to_parquet(file, index=False),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_predictions_of_any_form_get_the_same_score(
    comp: CompetitionClient, home: Path, form: Callable[[pd.DataFrame], object]
) -> None:
    assert repr(comp.check(form(GOOD))).startswith("The 4 predictions fit question 'counts'.")

    sent = comp.submit(form(GOOD), note="one off", wait=True)

    assert (sent.state, sent.score) == ("SCORED", 1.0)
    assert sent.facts["note"] == "one off"
    assert pq.read_table(sent.file(home)).column_names == ["id", "count"]


@pytest.mark.parametrize("file", FILES)
def test_a_file_is_sent_as_it_is(comp: CompetitionClient, home: Path, file: str) -> None:
    FILES[file](GOOD, home / file)

    sent = comp.submit(home / file, wait=True)

    assert sent.score == 1.0
    assert sent.file(home).read_bytes() == (home / file).read_bytes()
    assert sent.facts["filename"] == file


WRONG: dict[str, tuple[object, type[KitError], str]] = {
    "too few": ([1.0], InvalidPredictions, r"shape \(1,\) does not fit the 4 rows of 'test'"),
    "two columns": (np.ones((4, 2)), InvalidPredictions, r"2 columns .* 1 wanted: count.*proba\[:, 1\]"),
    "ragged": ([[1], [1, 2]], InvalidPredictions, "a list of unequal rows is no predictions"),
    "None": (None, InvalidPredictions, "of type NoneType; pass a DataFrame, a Series, an array or the path"),
    "dict": ({"id": [1]}, InvalidPredictions, "of type dict; pass a DataFrame"),
    "no ids": (GOOD["count"], InvalidPredictions, "the Series has no ids"),
    "no file": ("nothing.csv", InvalidRequest, "There is no file 'nothing.csv' in "),
    "folder": ("/", InvalidRequest, "'/' is a folder"),
    "code": (__file__, InvalidRequest, "test_client.py is code; this question takes predictions"),
}


@pytest.mark.parametrize(("given", "error", "text"), WRONG.values(), ids=WRONG)
def test_what_is_no_predictions_is_refused_before_it_is_sent(
    comp: CompetitionClient, given: object, error: type[KitError], text: str
) -> None:
    for use in (comp.check, comp.submit):
        with pytest.raises(error, match=text):
            use(given)

    assert not comp.submissions()


def test_a_file_over_the_limit_is_not_sent(comp: CompetitionClient, home: Path) -> None:
    large = home / "large.csv"
    with large.open("wb") as file:
        file.truncate(comp.question()["max_bytes"] + 1)

    for use in (comp.check, comp.submit):
        with pytest.raises(InvalidPredictions, match=r"the file has 200.0 MB; the limit is 200.0 MB"):
            use(large)


def test_a_note_over_the_limit_is_not_sent(comp: CompetitionClient) -> None:
    with pytest.raises(InvalidRequest, match=r"The note has 70,000 characters; 1,000 are the most\."):
        comp.submit(GOOD, note="x" * 70_000)


# Submitting


def test_the_rules_come_before_the_first_submission(comp: CompetitionClient) -> None:
    pair = comp.client.competition("pair")
    predictions = pd.Series(0.5, index=list(CODES))

    with pytest.raises(NotAllowed, match=r"rules of 'pair' must be accepted .* comp.accept_rules\(\)"):
        pair.submit(predictions, question="chance")
    pair.accept_rules()

    assert pair.submit(predictions, question="chance", wait=True).score == 0.693


def test_one_of_several_questions_must_be_named(pair: CompetitionClient) -> None:
    with pytest.raises(InvalidRequest, match=r"several questions: 'chance', 'pet'. Say which: question="):
        pair.submit(["cat"] * 8)


def test_the_combined_leaderboard_is_shown_where_no_question_is_named(pair: CompetitionClient) -> None:
    sent = pair.submit(["cat", "dog", "dog", "cat"] * 2, question="pet", wait=True)

    board, pets = pair.leaderboard(), pair.leaderboard(question="pet")

    assert sent.score == 1.0
    assert repr(board).startswith("public leaderboard of 'pair', all questions")
    assert pets.loc[pets["team"] == pair.team.name, "submission"].to_list() == [sent.id]


def test_submissions_are_listed_newest_first(comp: CompetitionClient) -> None:
    sent = [comp.submit(GOOD, note=note, wait=True, again=True).id for note in ("a", "b")]

    found = comp.submissions()

    assert [handle.id for handle in found] == sent[::-1]
    assert found.frame()["score"].to_list() == [1.0, 1.0]
    assert [handle.id for handle in comp.submissions(limit=1)] == sent[1:]


@pytest.mark.parametrize("lose", ["request", "answer"])
def test_a_connection_that_breaks_while_sending_makes_one_submission(
    service: Service, name: str, lose: str, capsys: pytest.CaptureFixture[str]
) -> None:
    direct = taking_part(service.url, name)
    with lossy_way(service.port, lose=lose) as url, Client(url, token=direct.client.token) as client:
        sent = client.competition("four").submit(GOOD)

    assert [handle.id for handle in direct.submissions()] == [sent.id]
    assert "The service did not answer; trying again in 0.5 s (1 of 14)." in capsys.readouterr().err


def test_a_restart_of_the_service_interrupts_neither_waiting_nor_sending_nor_watching(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However long a busy machine takes to start it.
    monkeypatch.setattr(http, "LONGEST_PAUSE_S", 30.0)
    monkeypatch.setattr(submission, "_SILENCE_S", 120.0)
    own = Service([four.write_open(tmp_path / "four")], tmp_path / "data")
    own.start()
    comp = taking_part(own.url, "ada")
    n_rows: list[int] = []
    watch = comp.watch_leaderboard(lambda board: n_rows.append(len(board["rows"])))
    until(lambda: n_rows)
    try:
        # Judged before: what a killed judge was at is taken up only when its lease ends.
        judged = comp.submit(GOOD, wait=True)
        own.kill()
        sent = Submission(comp.client, judged.facts | {"state": "QUEUED"})
        waiting = threading.Thread(target=sent.wait, args=(200,))
        restarting = threading.Timer(1, own.start)
        waiting.start()
        restarting.start()

        later = comp.submit(GOOD, note="while it is down", again=True)

        restarting.join()
        waiting.join()
        assert sent.score == later.wait(120).score == 1.0
        assert len(comp.submissions()) == 2
        until(lambda: n_rows[-1] == 1)
    finally:
        watch.stop()
        own.stop()


def test_waiting_for_a_service_that_never_answers_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submission, "_SILENCE_S", 0.1)
    facts = {"id": 1, "question": "q", "state": "QUEUED", "metric": "mae"}
    handle = Submission(Client(f"http://127.0.0.1:{free_port()}"), facts)

    with pytest.raises(ServiceError, match=r"does not answer .* ask the organizer"):
        handle.wait()


def test_waiting_ends_when_its_time_is_up(service: Service, comp: CompetitionClient) -> None:
    with service.judging_stopped():
        sent = comp.submit(GOOD)
    stuck = Submission(comp.client, sent.facts)

    with pytest.raises(TimeoutError, match=r"Submission \d+ for 'counts': QUEUED.* It goes on without you"):
        stuck.wait(0)


# Watching


def test_the_leaderboard_is_told_to_a_busy_notebook(
    service: Service, comp: CompetitionClient, name: str
) -> None:
    rival = taking_part(service.url, f"rival{name[3:]}")
    seen: list[set[str]] = []
    watch = comp.watch_leaderboard(lambda board: seen.append({row["team"] for row in board["rows"]}))
    until(lambda: seen)
    submitting = threading.Thread(target=rival.submit, args=(GOOD,))
    submitting.start()

    ends_at, total = time.monotonic() + 60, 0
    while rival.team.name not in seen[-1] and time.monotonic() < ends_at:
        total += sum(number % 7 for number in range(20_000))

    submitting.join()
    watch.stop()
    assert rival.team.name in seen[-1]


def test_no_call_comes_after_the_watching_ended(service: Service, comp: CompetitionClient) -> None:
    seen: list[object] = []
    watch = comp.watch_leaderboard(seen.append)
    until(lambda: seen)

    watch.stop()
    n_seen = len(seen)
    comp.submit(GOOD, wait=True)
    time.sleep(0.5)

    assert (len(seen), watch.is_alive) == (n_seen, False)


# Time: a service in memory, whose clock the tests set


@pytest.fixture
def enter(tmp_path: Path) -> Callable[[Served, str], CompetitionClient]:
    def enter(served: Served, name: str = "ada") -> CompetitionClient:
        return taking_part("http://testserver", name, transport=served.client._transport)

    return enter


Enter = Callable[..., CompetitionClient]


def test_a_used_up_limit_says_when_to_come_back(serve: Serve, enter: Enter, clock: Clock) -> None:
    served = serve(phase="daily_limit = 2")
    comp = enter(served)
    comp.submit(GOOD, again=True)
    comp.submit(GOOD, again=True)

    with pytest.raises(
        NotAllowed, match="used its 2 submissions of today; the next day starts at 2026-03-03"
    ):
        comp.submit(GOOD, again=True)

    assert comp.limits().loc[0, ["used_today", "left_today"]].to_list() == [2, 0]
    clock.now += timedelta(days=1)
    assert comp.submit(GOOD, again=True).state == "QUEUED"


def test_a_failure_of_ours_is_free_of_charge(serve: Serve, enter: Enter) -> None:
    served = serve(phase="daily_limit = 1")
    comp = enter(served)
    sent = comp.submit(GOOD)
    served.judge(failed("the metric broke on row 3"))

    text = repr(sent.refresh())

    assert text.startswith("Submission 1 for 'counts': ERROR, our mistake and not counted (incident ")
    assert "row 3" not in text
    assert comp.submit(GOOD).state == "QUEUED"


def test_a_refusal_lists_its_reasons(service_in_memory: Served, enter: Enter) -> None:
    sent = enter(service_in_memory).submit(GOOD)
    service_in_memory.judge(rejected("1 id missing: 4", "1 id unknown: 5"))

    sent.wait()

    assert repr(sent).splitlines() == [
        "Submission 1 for 'counts': REJECTED, invalid predictions",
        "  - 1 id missing: 4",
        "  - 1 id unknown: 5",
    ]


@pytest.fixture
def service_in_memory(serve: Serve) -> Served:
    return serve()


def test_before_opening_and_after_closing_nothing_is_taken(
    service_in_memory: Served, enter: Enter, clock: Clock
) -> None:
    comp = enter(service_in_memory)
    clock.now = four.OPENS_AT - timedelta(hours=2)
    with pytest.raises(NotAllowed, match="'four' opens at 2026-03-01 09:00:00 UTC; it is 2026-03-01 07:00"):
        comp.submit(GOOD)
    assert "opens in 2 h" in repr(comp)

    clock.now = four.CLOSES_AT
    with pytest.raises(NotAllowed, match="closed"):
        comp.submit(GOOD)
    assert "closed since 2026-03-08 18:00 UTC" in repr(comp)


def test_the_private_leaderboard_opens_when_the_competition_closes(
    service_in_memory: Served, enter: Enter, clock: Clock
) -> None:
    ada, bob = enter(service_in_memory, "ada"), enter(service_in_memory, "bob")
    for comp, public, private in ((ada, 1.0, 4.0), (ada, 2.0, 1.0), (bob, 3.0, 2.0)):
        comp.submit(GOOD, again=True)
        service_in_memory.judge(scored(public, private))
    with pytest.raises(NotAllowed, match="The private leaderboard opens when 'four' closes"):
        ada.leaderboard("private")

    clock.now = four.CLOSES_AT
    board = ada.leaderboard("private")

    assert board[["team", "score", "shake_up"]].to_numpy().tolist() == [["bob", 2.0, 1], ["ada", 4.0, -1]]
    assert ada.submissions()[0].scores["private"]["mae"]["score"] == 1.0


def test_selected_submissions_decide_the_private_leaderboard(
    service_in_memory: Served, enter: Enter, clock: Clock
) -> None:
    comp = enter(service_in_memory)
    sent = [comp.submit(GOOD, again=True) for _ in range(3)]
    service_in_memory.judge(scored(1.0, 4.0))

    assert comp.select(sent[0], sent[2].id) == [1, 3]
    assert [handle.id for handle in comp.submissions() if handle.facts["selected"]] == [3, 1]
    with pytest.raises(InvalidRequest, match="3 submissions selected; 2 may be"):
        comp.select(*sent)
    assert comp.select() == []


@pytest.mark.parametrize(
    ("number", "error", "text"),
    [(99, NotFound, "There is no submission 99"), ("1", InvalidRequest, "'1' is no submission")],
    ids=["unknown", "no number"],
)
def test_only_submissions_can_be_selected(
    service_in_memory: Served, enter: Enter, number: Any, error: type[KitError], text: str
) -> None:
    with pytest.raises(error, match=text):
        enter(service_in_memory).select(number)


def test_two_submissions_are_compared_in_a_sentence(service_in_memory: Served, enter: Enter) -> None:
    ada, bob = enter(service_in_memory, "ada"), enter(service_in_memory, "bob")
    for comp, public, times in ((ada, 9.0, 0.1), (ada, 1.0, 0.2), (bob, 5.0, 0.3)):
        comp.submit(GOOD, again=True)
        service_in_memory.judge(judged(public, 0.2, times=times))
    newest, oldest = ada.submissions()

    found, of_bob = ada.compare(newest, oldest.id), ada.compare(newest, "bob")

    assert repr(found).startswith("Submission 2 is better than 1 by 8.00 ± ")
    assert (found.a, found.b, found.better, found.team) == (2, 1, "a", None)
    assert found.low < found.difference < found.high < 0
    assert repr(of_bob).startswith("Submission 2 is better than 3 of team bob by 4.00 ± ")
    with pytest.raises(InvalidRequest, match=r"1\.5 is no submission"):
        ada.compare(newest, 1.5)  # type: ignore[arg-type]
    with pytest.raises(NotFound, match="No team 'eve'"):
        ada.compare(newest, "eve")


# Shells


def test_the_magic_shows_the_leaderboard_in_a_shell(
    service: Service, comp: CompetitionClient, home: Path
) -> None:
    comp.submit(GOOD, wait=True)
    script = home / "script.ipy"
    script.write_text(
        "%load_ext kit\n"
        "import kit\n"
        f"comp = kit.connect('{service.url}/four', token='{comp.client.token}')\n"
        "print(repr(get_ipython().run_line_magic('leaderboard', '')))\n"
        "%leaderboard count\n"
    )

    done = subprocess.run(
        [sys.executable, "-m", "IPython", "--no-banner", "--colors=NoColor", str(script)],
        capture_output=True,
        text=True,
        env={"HOME": str(home), "KIT_CACHE": str(home / "cache")},
    )

    assert "public leaderboard of 'four', question 'counts', mae" in done.stdout
    assert comp.team.name in done.stdout
    assert "NotFound: 'four' has no question 'count'. There are: 'counts'." in done.stdout + done.stderr


WIDGET = "application/vnd.jupyter.widget-view+json"


def test_a_notebook_shows_widgets_and_short_errors(service: Service, name: str, home: Path) -> None:
    Client(service.url).sign_up(name, PASSWORD)
    cells = [
        "import kit, pandas as pd",
        f"comp = kit.connect('{service.url}/four')",
        "comp.leaderboard()",
        f"comp.client.log_in('{name}', '{PASSWORD}'); comp",
        "good = pd.DataFrame({'id': [1, 2, 3, 4], 'count': 1})\ncomp.check(good.head(3))",
        "s = comp.submit(good); s",
        "s.wait(); print(s)",
        "%load_ext kit\n%leaderboard",
    ]
    nodes = [nbformat.v4.new_code_cell(cell) for cell in cells]
    notebook = nbformat.v4.new_notebook(cells=nodes)

    patience = {"timeout": 240, "startup_timeout": 240}
    nbclient.NotebookClient(notebook, **patience, allow_errors=True, kernel_name="python3").execute()

    outputs = [cell.outputs for cell in notebook.cells]
    _, form, refused, panel, check, card, waited, board = outputs
    for shown in (form, panel, card, board):
        assert WIDGET in shown[-1].data
    assert refused[0].ename == "NotLoggedIn"
    assert check[-1].traceback == [
        "line 2: comp.check(good.head(3))",
        "InvalidPredictions: The predictions do not fit question 'counts'.\n  - 1 id missing: 4",
    ]
    assert "SCORED, public mae 14" in waited[-1].text
    assert "public leaderboard of 'four'" in board[-1].data["text/plain"]
