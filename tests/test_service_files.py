from __future__ import annotations

import csv
import hashlib
import io
import re
from pathlib import Path

import four
import numpy as np
import pyarrow.parquet as pq
import pytest
from conftest import Clock, Serve
from served import COUNTS, Person, Served, scored, serving

from kit.cells import guarded, unguarded
from kit.metrics import Domain
from kit.predictions import Expected, read_predictions
from kit.service.auth import Scope
from kit.store import Store
from kit.submission import Outcome, Split, State, Verdict


def exported(person, **query: str) -> list[dict[str, str]]:
    answer = person.get("/competitions/four/export", params=query)
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_a_data_file_comes_whole_with_its_hash_as_etag(service: Served) -> None:
    ada = service.sign_up("ada")

    file = ada.get(f"{COUNTS}/data/train.csv")
    (listed, _) = ada.get("/competitions/four").json()["questions"][0]["data"]

    sha256 = hashlib.sha256(four.TRAIN.encode()).hexdigest()
    assert file.text == four.TRAIN
    assert file.headers["ETag"] == f'"{sha256}"'
    assert listed == {
        "name": "train.csv",
        "bytes": len(four.TRAIN),
        "sha256": sha256,
        "url": f"/api/v1{COUNTS}/data/train.csv",
    }


def test_a_download_goes_on_where_it_broke_off(service: Served) -> None:
    ada = service.sign_up("ada")
    whole = ada.get(f"{COUNTS}/data/train.csv")

    rest = ada.get(
        f"{COUNTS}/data/train.csv", headers={"Range": "bytes=10-", "If-Range": whole.headers["ETag"]}
    )
    known = ada.get(f"{COUNTS}/data/train.csv", headers={"If-None-Match": whole.headers["ETag"]})

    assert (rest.status_code, rest.content) == (206, whole.content[10:])
    assert known.status_code == 304


def test_the_sample_submission_is_a_data_file_too(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "four/data").mkdir(parents=True)
    (tmp_path / "four/data/sample.csv").write_text(four.OFF_BY_TWO)
    service = serve(question='sample_submission = "data/sample.csv"')
    ada = service.sign_up("ada")

    question = ada.get("/competitions/four").json()["questions"][0]

    assert question["sample_submission"] == "sample.csv"
    assert [file["name"] for file in question["data"]] == ["train.csv", "test.csv", "sample.csv"]
    assert ada.get(f"{COUNTS}/data/sample.csv").text == four.OFF_BY_TWO


def test_the_expected_ids_are_sorted_and_nothing_else(tmp_path: Path, store: Store, clock: Clock) -> None:
    directory = four.write(tmp_path / "four")
    rows = ["4,40,private", "2,20,public", "3,30,private", "1,10,public"]
    (directory / "private/truth.csv").write_text("\n".join(["id,count,split", *rows]) + "\n")

    with serving(store, [four.load_competition(directory)], clock) as service:
        answer = service.sign_up("ada").get(f"{COUNTS}/expected")

    table = pq.read_table(io.BytesIO(answer.content))
    assert table.to_pydict() == {"id": [1, 2, 3, 4]}
    assert table.schema.metadata is None


def test_a_notebook_can_check_with_what_it_is_told(service: Served) -> None:
    ada = service.sign_up("ada")
    question = ada.get("/competitions/four").json()["questions"][0]
    ids = pq.read_table(io.BytesIO(ada.get(f"{COUNTS}/expected").content)).column(0).to_numpy()

    expected = Expected(
        question["id"],
        question["id_column"],
        np.asarray(ids),
        tuple(question["columns"]),
        Domain(question["domain"]),
    )
    checked = read_predictions(io_file(service, four.PERFECT), expected)

    assert checked["count"].tolist() == [10, 20, 30, 40]


def io_file(service: Served, text: str) -> Path:
    path = service.store.directory / "p.csv"
    path.write_text(text)
    return path


def test_the_exported_leaderboard_is_the_leaderboard(service: Served) -> None:
    ada, bob, olga = service.sign_up("ada"), service.sign_up("bob"), service.organizer()
    for person, public, private in ((ada, 2.5, 1.0), (bob, 1.5, 3.0)):
        person.submit()
        service.score(public, private)

    rows = exported(olga, what="leaderboard")
    private = exported(olga, what="leaderboard", split="private")

    assert [(r["rank"], r["team"], r["score"], r["mae"]) for r in rows] == [
        ("1", "bob", "1.5", "1.5"),
        ("2", "ada", "2.5", "2.5"),
    ]
    assert rows[0]["submitted_at"] == "2026-03-02T12:00:00.000000Z"
    assert [(r["team"], r["score"], r["shake_up"]) for r in private] == [
        ("ada", "1", "1"),
        ("bob", "3", "-1"),
    ]


def test_the_exported_submissions_have_all_scores_and_reasons(service: Served) -> None:
    ada, olga = service.sign_up("ada"), service.organizer()
    ada.submit(note="forest")
    service.score(2.5, 1.0)

    (row,) = exported(olga, what="submissions")

    assert (row["team"], row["note"], row["state"]) == ("ada", "forest", "SCORED")
    assert (row["public_mae"], row["private_mae"]) == ("2.5", "1")


FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@sum(a1)",
    "\t1",
    "\r=1",
    "\n=1",
    '=cmd|"/c calc"!a1',
    "\uff1d1",
    "'=1",
    'a";=1+1;"b',
]


def cells(table: str, separator: str) -> list[str]:
    """As a spreadsheet reads them: what looks like a number is none of its texts."""
    found = [cell for row in csv.reader(io.StringIO(table, newline=""), delimiter=separator) for cell in row]
    return [cell for cell in found if not re.fullmatch(r"-?[0-9.e+-]+", cell)]


@pytest.mark.parametrize("text", FORMULAS, ids=ascii)
def test_no_export_computes_what_people_wrote(service: Served, text: str) -> None:
    store, now, olga = service.store, service.clock(), service.organizer()
    users = [store.accounts.add_user(f"{text}{n}", password_hash=None, now=now) for n in (1, 2)]
    for user in users:
        store.accounts.join("four", user, now=now, team=f"{text} & co", max_size=2)
    ada = Person(service.client, users[0]["name"], service.token(users[0], Scope.SUBMIT))
    for outcome in (scored(-1.5, -1.0), Outcome(State.REJECTED, verdict=Verdict.CRASHED, reasons=(text,))):
        asked = {"filename": f"{''.join(c for c in text if c.isprintable() and c != '/')}.csv", "note": text}
        assert ada.post(f"{COUNTS}/submissions", params=asked, content=four.PERFECT).status_code == 201
        service.judge(outcome)

    tables = [
        olga.get(route.format(slug="four"), params={"what": what, "split": split}).text
        for route, kinds in exports(service)
        for what in kinds
        for split in Split
    ]

    assert len(tables) == 4
    for table in tables:
        assert unguarded(guarded(text)) == text
        assert guarded(f"{text} & co") in cells(table, ",")
        for separator in ",;\t":
            assert not [
                cell for cell in cells(table, separator) if cell.startswith(tuple("=+-@\t\r\n\uff1d"))
            ]
    (_, kept) = exported(olga, what="submissions")
    assert (unguarded(kept["note"]), kept["public_mae"]) == (text, "-1.5")


def exports(service: Served) -> list[tuple[str, list[str]]]:
    """All routes that answer with CSV, without the prefix of the interface, and what each exports."""
    paths = service.client.get("/api/v1/openapi.json").json()["paths"]
    found = []
    for path, methods in paths.items():
        if "text/csv" in methods.get("get", {}).get("responses", {}).get("200", {}).get("content", {}):
            (kinds,) = (p["schema"]["enum"] for p in methods["get"]["parameters"] if p["name"] == "what")
            found.append((path.removeprefix("/api/v1"), kinds))
    return found


def test_csv_for_people_is_written_where_it_is_guarded_alone() -> None:
    for path in sorted((Path(__file__).parent.parent / "kit").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if re.search(r"(csv\.writer|DictWriter|write_csv|sink_csv|to_csv)\(", text):
            assert "guarded(" in text or path.parts[-2] in FOR_CODE, path


FOR_CODE = {"runner", "client", "starter"}
"""What these write is data that code reads."""


def test_a_parquet_export_keeps_types_and_text_as_they_are(service: Served) -> None:
    service.sign_up("ada").submit(note="=1+1")
    service.score(1.5, 1.0)

    answer = service.organizer().get("/competitions/four/export?what=submissions&format=parquet")
    (row,) = pq.read_table(io.BytesIO(answer.content)).to_pylist()

    assert row["note"] == "=1+1"
    assert row["submitted_at"] == four.NOON
    assert row["public_mae"] == 1.5


def test_an_empty_export_has_its_columns(service: Served) -> None:
    answer = service.organizer().get("/competitions/four/export?what=leaderboard")

    assert answer.text.startswith('"rank","rank_low","rank_high","team"')


def test_a_failed_baseline_shows_its_cell_to_all_and_its_error_to_organizers(service: Served) -> None:
    ada, olga = service.sign_up("ada"), service.organizer()
    ran = {"state": "failed", "cell": "3", "error": "KeyError: 'price'", "seconds": "1.5"}

    olga.put(f"{COUNTS}/baselines/mean/notebook", params=ran, content=b'{"cells": []}')
    (theirs,) = ada.get("/competitions/four/baselines").json()
    (ours,) = olga.get("/competitions/four/baselines").json()

    assert (theirs["state"], theirs["cell"], theirs["error"]) == ("failed", 3, None)
    assert (ours["error"], ours["seconds"]) == ("KeyError: 'price'", 1.5)
    assert ada.get(f"{COUNTS}/baselines/mean/notebook").status_code == 404


def test_a_baseline_is_free_of_limits_and_phases(service: Served, clock: Clock) -> None:
    olga = service.organizer()
    clock.now = four.CLOSES_AT

    answers = [olga.put(f"{COUNTS}/baselines/mean/predictions", content=four.PERFECT) for _ in range(5)]

    assert [a.status_code for a in answers] == [201] * 5
    assert answers[0].json()["baseline"]


def test_the_page_of_the_interface_needs_no_other_site(service: Served) -> None:
    page = service.client.get("/docs")
    script = service.client.get("/docs/swagger-ui-bundle.js")
    style = service.client.get("/docs/swagger-ui.css")

    assert "http" not in page.text.replace("HTTP interface", "")
    assert "script-src 'self';" in page.headers["Content-Security-Policy"]
    assert len(script.content) > 1_000_000
    assert script.headers["Content-Type"].startswith("text/javascript")
    assert style.status_code == 200
