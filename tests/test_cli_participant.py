"""Participants' commands, each as a process of its own, on a real service."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import four
import httpx2
import pytest
from arena import PASSWORD, write_all
from running import Service, running, sign_up
from test_cli_organizer import Kit

from kit.cli.boards import ASCII, board_lines

OFF = "id,count\n1,11\n2,22\n3,31\n4,41\n"
BAD = "id,count\n1,11\n2,x\n9,31\n4,41\n"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    home = tmp_path_factory.mktemp("arena")
    with running(write_all(home), home / "data") as service:
        yield service


@pytest.fixture(scope="module")
def ada(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Kit:
    """Logged in to the competition ``four``."""
    kit = Kit(tmp_path_factory.mktemp("ada") / "home")
    done = log_in(kit, f"{service.url}/four", "ada", "--sign-up")
    assert done.returncode == 0, done.stderr
    (kit.home / "p.csv").write_text(OFF)
    (kit.home / "bad.csv").write_text(BAD)
    return kit


@pytest.fixture
def bob(service: Service, tmp_path: Path) -> Kit:
    """Somebody who never logged in."""
    return Kit(tmp_path / "home")


def log_in(kit: Kit, url: str, name: str, *options: str, password: str = PASSWORD):
    return kit("login", url, "--name", name, "--password-stdin", *options, given=f"{password}\n")


def test_a_login_is_remembered_and_private(ada: Kit, service: Service) -> None:
    done = ada("whoami")

    assert done.stdout == f"ada (participant) at {service.url}/four\n"
    file = ada.home / "config/kit/credentials.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    told = ada.json("whoami")
    assert (told["name"], told["competition"], told["scopes"]) == ("ada", "four", ["read", "submit"])


def test_two_people_on_one_machine_do_not_mix(ada: Kit, bob: Kit, service: Service) -> None:
    done = log_in(bob, f"{service.url}/pair", "bob", "--sign-up", "--json")

    assert json.loads(done.stdout)["competition"] == "pair"
    assert done.stderr == f"Signed up at {service.url}/pair as bob.\n"
    assert ada.json("whoami")["name"] == "ada"


WRONG_LOGINS: dict[str, tuple[str, str, tuple[str, ...], str, str]] = {
    "password": ("{url}/four", "ada", (), "wrong", "password is wrong. For a new account: kit login --sign"),
    "name taken": ("{url}/four", "ada", ("--sign-up",), PASSWORD, "'ada' is taken.* log in without --sign"),
    "short password": ("{url}/four", "cyd", ("--sign-up",), "short", "A password has 10 to 1000 characters"),
    "slug": ("{url}/for", "ada", (), PASSWORD, "no competition 'for'.*There are: 'four', 'counts', 'pair'"),
    "no service": ("http://127.0.0.1:9/four", "ada", (), PASSWORD, "No service answers at http://127.0.0"),
    "no address": ("four", "ada", (), PASSWORD, "'four' is not an address; it begins with http:// or"),
}


@pytest.mark.parametrize(
    ("url", "name", "options", "password", "text"), WRONG_LOGINS.values(), ids=WRONG_LOGINS
)
@pytest.mark.usefixtures("ada")
def test_a_wrong_login_is_told_and_leaves_nothing(
    bob: Kit, service: Service, url: str, name: str, options: tuple[str, ...], password: str, text: str
) -> None:
    done = log_in(bob, url.format(url=service.url), name, *options, password=password)

    assert (done.returncode, done.stdout) == (1, "")
    assert re.search(text, done.stderr), done.stderr
    assert "Traceback" not in done.stderr
    assert not (bob.home / "config/kit/credentials.json").exists()


def test_without_a_terminal_a_password_is_not_asked_for(bob: Kit, service: Service) -> None:
    done = bob("login", f"{service.url}/four", "--name", "ada")

    assert done.returncode == 1
    assert done.stderr == "There is no terminal to ask in: pass --name and --password-stdin.\n"


def test_a_command_before_any_login_tells_how(bob: Kit) -> None:
    for command in ("submissions", "logout"):
        done = bob(command)

        assert done.returncode == 1
        assert "In a terminal: kit login http://…/slug" in done.stderr


def test_the_environment_names_service_and_token(bob: Kit, service: Service) -> None:
    token = sign_up(service.url, "eve")["Authorization"].removeprefix("Bearer ")

    told = bob.json("whoami", KIT_URL=f"{service.url}/four", KIT_TOKEN=token)
    wrong = bob("submissions", KIT_URL=f"{service.url}/four", KIT_TOKEN="kit_wrong")

    assert (told["name"], told["competition"]) == ("eve", "four")
    assert wrong.returncode == 1
    assert wrong.stderr == (
        "The token is wrong, expired or revoked: log in again. "
        "It is that of KIT_TOKEN in the environment, which goes first: mend or unset it.\n"
    )


def test_a_token_in_the_environment_is_said_to_go_first(ada: Kit, service: Service) -> None:
    done = ada("login", "--name", "ada", "--password-stdin", given=f"{PASSWORD}\n", KIT_TOKEN="kit_x")

    assert done.returncode == 0
    assert "KIT_TOKEN is set in the environment and goes before this login." in done.stderr


def test_logging_out_revokes_the_token(bob: Kit, service: Service) -> None:
    log_in(bob, f"{service.url}/four", "finn", "--sign-up")
    (entry,) = json.loads((bob.home / "config/kit/credentials.json").read_text())["services"].values()

    done = bob("logout")

    assert done.returncode == 0
    headers = {"Authorization": f"Bearer {entry['token']}"}
    assert httpx2.get(f"{service.url}/api/v1/me", headers=headers).status_code == 401
    after = bob("submissions")
    assert after.returncode == 1
    assert f"You are not logged in to {service.url}" in after.stderr
    again = bob("logout")
    assert (again.returncode, again.stderr) == (
        1,
        f"Nobody is logged in to {service.url}. To log in: kit login\n",
    )


def test_downloading_puts_the_files_where_one_says(ada: Kit) -> None:
    done = ada("download", "--path", "data")

    assert done.stdout.splitlines() == ["data/test.csv", "data/train.csv"]
    assert (ada.home / "data/train.csv").read_text() == four.TRAIN
    again = ada.json("download", "-p", "data")
    assert again == {"files": ["data/test.csv", "data/train.csv"]}


def test_downloading_takes_the_data_of_all_questions(ada: Kit) -> None:
    everything = ada.json("download", "pair", "-p", "pair")
    pets = ada.json("download", "-c", "pair", "-q", "pet", "-p", "pets")

    assert everything == {"files": ["pair/sample_chance.csv", "pair/test.csv", "pair/train.csv"]}
    assert pets == {"files": ["pets/test.csv", "pets/train.csv"]}


def test_submitting_waits_for_the_score(ada: Kit) -> None:
    done = ada("submit", "-c", "four", "-f", "p.csv", "-m", "one off")

    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"Submission \d+ for 'counts': SCORED, public mae 1\.6 .*\n", done.stdout)
    assert done.stderr.endswith("No daily limit.\n")


def test_submitting_as_json_gives_the_judgement(ada: Kit) -> None:
    told = ada.json("submit", "-f", "p.csv", "-m", "json", "--again")

    assert (told["state"], told["note"], told["filename"]) == ("SCORED", "json", "p.csv")
    assert told["score"]["public"]["mae"]["score"] == 1.6
    assert told["score"]["private"] is None


def test_submitting_need_not_wait(ada: Kit, service: Service) -> None:
    with service.judging_stopped():
        told = ada.json("submit", "-f", "p.csv", "--no-wait", "--again")

    assert told["state"] == "QUEUED"


def test_a_refused_submission_lists_the_reasons_and_fails(ada: Kit) -> None:
    done = ada("submit", "-f", "bad.csv")

    assert (done.returncode, done.stdout) == (1, "")
    first, *reasons, left = done.stderr.splitlines()
    assert re.fullmatch(r"Submission \d+ for 'counts': REJECTED, invalid predictions", first)
    assert reasons == [
        "  - 1 id missing: 3",
        "  - 1 id unknown: 9",
        "  - 1 value is not a finite number: id 2 ('x')",
    ]
    assert left == "No daily limit."


def test_a_refused_submission_as_json_fails_too(ada: Kit) -> None:
    done = ada("submit", "-f", "bad.csv", "--json")

    assert done.returncode == 1
    assert json.loads(done.stdout)["reasons"][0] == "1 id missing: 3"


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["-f", "none.csv"], 1, "There is no file 'none.csv' in "),
        (["-f", "."], 1, "'.' is a folder: name a file in it."),
        ([], 2, "Missing option '--file' / '-f'"),
        (["-f", "p.csv", "-c", "fore"], 1, "There is no competition 'fore' at "),
        (["-f", "p.csv", "-q", "q"], 1, "'four' has no question 'q'. There are: 'counts'."),
        (["-f", "p.csv", "-c", "pair"], 1, "Say which: question='chance'; in a terminal: -q chance"),
        (["-f", "p.csv", "-c", "pair", "-q", "pet"], 1, "in a terminal: kit rules --accept"),
    ],
    ids=["no file", "folder", "no option", "slug", "question", "several questions", "rules"],
)
def test_what_cannot_be_submitted_is_told(ada: Kit, arguments: list[str], code: int, text: str) -> None:
    done = ada("submit", *arguments)

    assert (done.returncode, done.stdout) == (code, "")
    assert text in done.stderr
    assert "Traceback" not in done.stderr


def test_rules_are_shown_and_accepted(ada: Kit) -> None:
    shown = ada("rules", "-c", "pair")
    accepted = ada("rules", "-c", "pair", "--accept")

    assert (shown.stdout, shown.stderr) == ("Be fair.\n\n", "To accept them: kit rules --accept\n")
    assert accepted.stderr == "You have accepted the rules.\n"
    assert ada.json("rules", "-c", "pair") == {"rules": "Be fair.\n", "accepted": True}
    assert ada("rules").stdout == "There are no rules.\n"


def test_what_was_sent_before_is_not_sent_again_unless_asked(ada: Kit) -> None:
    first = ada.json("submit", "-f", "p.csv", "--again")

    done = ada("submit", "-f", "p.csv", "-m", "another note")

    assert done.returncode == 0
    assert f"Submission {first['id']} for 'counts': SCORED" in done.stdout
    assert f"sent the same before: it is submission {first['id']} (SCORED)" in done.stderr
    assert "--again" in done.stderr


def test_submissions_are_listed_a_line_each(ada: Kit) -> None:
    ada("submit", "-f", "p.csv", "-m", "a note of several words", "--again")
    ada("submit", "-f", "bad.csv")

    done = ada("submissions")

    heads, refused, good, *_ = done.stdout.splitlines()
    assert heads.split() == ["id", "question", "submitted_at", "state", "public", "note", "why"]
    assert "REJECTED" in refused and "1 id missing: 3 (and 2 more: --json)" in refused
    assert re.search(r"counts +20\d\d-\d\d-\d\d \d\d:\d\d:\d\d +SCORED +1\.6 +a note of several words", good)
    assert len(ada.json("submissions")) >= 2
    assert ada("submissions", "-c", "counts").stderr == "No submissions yet: kit submit -f FILE -m NOTE\n"


def test_selecting_names_submissions_by_id(ada: Kit) -> None:
    number = ada.json("submit", "-f", "p.csv")["id"]

    done = ada("select", str(number))

    assert done.stdout == f"Selected: {number}\n"
    assert ada.json("select", "--none") == {"submissions": []}
    assert ada("select").stderr == "Say which: kit select ID..., or --none. Ids: kit submissions\n"
    assert ada("select", str(number), "--none").stderr.startswith(
        f"--none selects nothing, and {number} is named"
    )
    assert ada("select", "999").stderr == "There is no submission 999.\n"


def test_the_leaderboard_is_a_table_or_rows(ada: Kit) -> None:
    ada("submit", "-f", "p.csv")

    shown, rows = ada("leaderboard"), ada.json("leaderboard")

    title, heads, own = (line.rstrip() for line in shown.stdout.splitlines())
    assert title == "four, public, mae"
    columns = ["rank", "team", "score", "interval", "low", "high", "first", "n_submissions", "submitted_at"]
    # What each adds to the blend of all is there a moment after the score.
    assert [head for head in heads.split() if not head.endswith("contributivity")] == columns
    assert own.split()[:3] == ["1", "ada", "1.6"]
    assert {"rank", "rank_low", "rank_high", "team", "score", "low", "high", "baseline"} <= rows[0].keys()
    assert [rows[0][key] for key in ("rank_low", "rank_high", "tie_with_first", "p_first")] == [1, 1, True, 1]


def test_two_submissions_are_compared_in_a_sentence(ada: Kit) -> None:
    number = ada.json("submit", "-f", "p.csv")["id"]

    said, told = ada("compare", str(number), str(number)), ada.json("compare", str(number), "ada")

    same = f"Submissions {number} and {number} cannot be told apart: they differ by 0.00 ± "
    assert said.stdout.startswith(same)
    assert (told["a"], told["team"], told["better"], told["difference"]) == (number, "ada", None, 0)
    assert "There is no submission 99" in ada("compare", str(number), "99").stderr


def test_bars_and_marks_show_what_is_not_sure() -> None:
    ada = {"rank_low": 1, "rank_high": 2, "tie_with_first": True, "p_first": 0.7}
    bob = {"rank_low": 1, "rank_high": 3, "tie_with_first": True, "p_first": 0.3}
    eve = {"rank_low": 2, "rank_high": 3, "tie_with_first": False, "p_first": 0.0}
    places = {"ada": (0, 4, 8), "bob": (4, 8, 12), "eve": (8, 12, 16)}
    rows = [
        {"team": team, **row, **dict(zip(("low", "score", "high"), places[team], strict=True))}
        for team, row in (("ada", ada), ("bob", bob), ("eve", eve))
    ]

    lines = board_lines(rows, ASCII)

    assert [line["ranks"] for line in lines] == ["1-2", "1-3", "2-3"]
    assert [line["tie"] for line in lines] == ["~", "~", ""]
    assert [line["first"] for line in lines] == ["70%", "30%", ""]
    assert [line["interval"].rstrip() for line in lines] == [
        "|---o---|",
        "    |---o---|",
        "        |---o---|",
    ]


def test_a_team_far_below_does_not_squeeze_the_bars_of_the_others() -> None:
    rows = [{"team": str(n), "low": n, "score": n + 1, "high": n + 2} for n in range(10)]
    rows.append({"team": "eve", "low": 1e6, "score": 1e6, "high": 1e6})

    lines = board_lines(rows, ASCII)

    assert lines[0]["interval"].startswith("|o-|")
    assert lines[-1]["interval"] == " " * 16 + "o"


def test_an_empty_a_private_and_a_wrong_leaderboard_are_told(ada: Kit) -> None:
    assert ada("leaderboard", "-c", "counts").stderr == "No scores yet.\n"
    assert ada("leaderboard", "pair").stderr == "No scores yet.\n"
    private = ada("leaderboard", "--split", "private")
    assert (private.returncode, private.stdout) == (1, "")
    assert private.stderr == "The private leaderboard opens when 'four' closes.\n"
    assert ada("leaderboard", "--split", "pubic").returncode == 2
