"""CompetitionClient: one competition as a participant sees it. Imports no server code and nothing heavy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from kit.client.display import show_live
from kit.client.facts import Checked, CheckedCode, Comparison
from kit.client.http import PATIENT, Json, quoted, say
from kit.client.plots import Plots
from kit.client.questions import named, with_data
from kit.client.reading import Reading
from kit.client.service import Client
from kit.client.standing import earlier_text
from kit.client.submission import Submission, number_of
from kit.client.watching import Callback, OnError, Watch
from kit.errors import InvalidRequest

if TYPE_CHECKING:
    import pandas as pd

    from kit.client.tables import Leaderboard, Submissions
    from kit.client.trial import Trial
    from kit.predictions import Expected


class CompetitionClient(Reading):
    """One competition: its data, your submissions, its leaderboard.

    Where a method takes ``question``, it may be left out if the competition has one question.

    Parameters
    ----------
    client : Client
        Of the service. When it logs in, this handle is live.
    """

    def __init__(self, client: Client, slug: str) -> None:
        super().__init__(client, slug)
        self._expected: dict[tuple[str, Any], Expected] = {}

    def data(self, question: str | None = None) -> dict[str, pd.DataFrame]:
        """The data as frames by file stem; downloaded once, checksummed, with a progress bar.

        Of all questions together where none is named. Where the service shares files with all accounts of
        this machine, as on a JupyterHub, they are read in place; that is said once.
        """
        from kit.client import files, shared

        asked = with_data(self.overview, question)
        folder = files.download(self.client, self.slug, asked)
        shared.tell_shared(folder)
        return files.read_tables(folder, asked)

    def data_dir(self, question: str | None = None) -> Path:
        """The folder with the data's files, downloaded where need be."""
        from kit.client import files

        return files.download(self.client, self.slug, with_data(self.overview, question))

    def sql(self, query: str, question: str | None = None) -> pd.DataFrame:
        """The answer to a query over the data's tables, named by file stem, in polars' SQL.

        For example ``comp.sql("select count(*) as n from train")``.
        """
        from kit.client import files
        from kit.client.query import answer

        asked = with_data(self.overview, question)
        return answer(query, files.download(self.client, self.slug, asked), asked)

    def check(self, predictions: object, question: str | None = None) -> Checked | CheckedCode:
        """Check predictions as the service will, on this machine; uses up nothing.

        Of code and notebooks only what can be seen without running them is checked: see `dry_run`.

        Parameters
        ----------
        predictions : DataFrame, Series, array or path
            As for `submit`.

        Raises
        ------
        InvalidPredictions
            With everything that is wrong with them.
        InvalidRequest
            Where the question does not take what the path is, or the code is none.
        """
        from kit.client.outgoing import source_of, with_ids
        from kit.predictions import read_predictions

        asked = self.question(question)
        if source := source_of(predictions, asked):
            return CheckedCode(asked["id"], source.files)
        expected = self._expectation(asked)
        given = with_ids(predictions, expected, lambda: self._row_ids(asked))
        return Checked(asked["id"], len(read_predictions(given, expected)))

    def submit(
        self,
        predictions: object,
        note: str = "",
        question: str | None = None,
        *,
        wait: bool = False,
        again: bool = False,
    ) -> Submission:
        """Submit predictions, code or a notebook.

        Frames, Series and arrays are checked here first, which uses up nothing, and sent as Parquet;
        a file is sent as it is. When the service does not answer, it is tried again for 88 seconds,
        and becomes one submission all the same. What your team sent before is not sent again, so that all
        cells may be run anew: the earlier submission comes back, unless it was REJECTED or met an ERROR.

        Parameters
        ----------
        predictions : DataFrame, Series, array or path
            A path may be of predictions (CSV, Parquet) and, where the question takes code, of a ``.py`` file
            or a folder of modules that define ``get_estimator()``, or of a notebook. A DataFrame holds the
            ids as a column or as its index, a Series as its index, in any order. An array holds exactly one
            value (or row) for each row of the sample submission, else of the test table, in the order of
            that file.
        wait : bool
            Return when it is judged.
        again : bool
            Send it once more, also where it was sent before.

        Raises
        ------
        InvalidPredictions
            With everything that is wrong with them.
        InvalidRequest
            Where the question does not take what the path is, or the code has a syntax error.
        NotAllowed
            Where the competition is closed, a limit is used up, or the rules are not accepted.
        """
        self._require_login()
        overview = self._look(PATIENT)
        asked = named(overview, question)
        self._check_rules(overview)
        from kit.client.outgoing import outgoing, send

        ready = outgoing(
            predictions,
            lambda: self._expectation(asked),
            lambda: self._row_ids(asked),
            question=asked,
        )
        with ready as file:
            facts = send(self.client, f"{self._of(asked)}/submissions", file, note=note, again=again)
        submission = Submission(self.client, facts)
        if facts.get("earlier"):
            say(earlier_text(facts))
        return submission.wait() if wait else submission

    def dry_run(self, code: Path | str, question: str | None = None) -> Trial:
        """Run code on the folds of the public training data, on this machine; uses up nothing.

        As the service does it, with the packages that are here. An interrupt stops it.

        Parameters
        ----------
        code : path
            Of a ``.py`` file or a folder of modules.

        Returns
        -------
        Trial
            Scores of the training and validation rows, by fold: the test rows' truth is with the service.
        """
        from kit.client.outgoing import source_of
        from kit.client.trial import run_trial

        overview = self.overview
        asked = named(overview, question)
        source = source_of(code, asked)
        if source is None:
            raise InvalidRequest(f"{str(code)!r} holds predictions; a dry run takes code. See comp.check.")
        folder = self.data_dir(asked["id"])
        expected = self._expectation(asked)
        return run_trial(
            overview, asked, source, folder, expected, shown=lambda made: show_live("trial_card", made)
        )

    def submissions(self, question: str | None = None, *, limit: int | None = None) -> Submissions:
        """Your team's submissions, newest first."""
        from kit.client.tables import Submissions

        self._require_login()
        params = {"question": question, "limit": limit}
        found = self.client.get(f"{self.path}/submissions", params)
        return Submissions(Submission(self.client, facts) for facts in found)

    def select(self, *submissions: Submission | int, question: str | None = None) -> list[int]:
        """Choose the submissions that decide your private score, instead of any chosen before.

        With none, choose nothing: then your best public ones decide.

        Returns
        -------
        list of int
            Ids of what is selected now.
        """
        self._require_login()
        handles = [s if isinstance(s, Submission) else self.submission(s) for s in submissions]
        questions = sorted({handle.question for handle in handles}) or [self.question(question)["id"]]
        if len(questions) > 1:
            raise InvalidRequest(f"Select for one question at a time; these are of {', '.join(questions)}.")
        path = f"{self.path}/questions/{quoted(questions[0])}/selection"
        answer = self.client.put(path, {"submissions": [handle.id for handle in handles]})
        return [int(number) for number in answer["submissions"]]

    def submission(self, number: int) -> Submission:
        """A submission by its id."""
        self._require_login()
        return Submission(self.client, self.client.get(f"/submissions/{number_of(number)}"))

    def compare(self, a: Submission | int, b: Submission | int | str, *, split: str = "public") -> Comparison:
        """How one of your submissions differs from another, or from the best one of a team.

        Paired: what makes rows hard for both does not count, so two submissions may differ clearly though
        their intervals overlap.

        Parameters
        ----------
        b : Submission, int or str
            A submission of yours, or the name of a team (or baseline) on the public leaderboard.

        Returns
        -------
        Comparison
            Shown as one sentence: "Submission 12 is better than 7 by 0.014 ± 0.008 (95 %); p = 0.0044."
        """
        self._require_login()
        other = {"team": b} if isinstance(b, str) else {"b": number_of(b)}
        told = self.client.get(f"{self.path}/compare", {"a": number_of(a), **other, "split": split})
        return Comparison.of(told)

    def leaderboard(
        self,
        split: str = "public",
        question: str | None = None,
        *,
        limit: int | None = None,
        offset: int = 0,
        around_me: bool = False,
        per: Literal["team", "submission"] = "team",
    ) -> Leaderboard:
        """The leaderboard as a DataFrame that shows itself live; of all questions where none is named.

        Of more than 1,000 rows come the first 100 and your own, unless a page is asked for.

        Parameters
        ----------
        limit, offset : int
            Ask for a page: so many rows, at most 1,000, after so many.
        around_me : bool
            Ask for the page with your team in its middle.
        per : str
            What has a row: each team, or each submission. On a ladder only teams have.
        """
        from kit.client.tables import Leaderboard

        asked = {"limit": limit, "offset": offset or None, "around": "me" if around_me else None}
        page = "".join(f"&{key}={value}" for key, value in asked.items() if value is not None)
        board = self.client.get(self.leaderboard_path(split, question, per=per) + page)
        return Leaderboard(self, board, is_page=bool(page))

    def plot(self, question: str | None = None) -> Plots:
        """Best score over time and, where code is taken, scores against what they cost: live plots."""
        return Plots(self, self.question(question)["id"])

    def leaderboard_path(
        self, split: str = "public", question: str | None = None, *, per: str = "team"
    ) -> str:
        """The address of a leaderboard, for `Client.get` and `Client.watch`."""
        if question is None and len((self._seen or self.overview)["questions"]) > 1:
            if per != "team":
                raise InvalidRequest("Name the question: together, questions have rows of teams alone.")
            return f"{self.path}/leaderboard?split={quoted(split)}"
        path = f"{self._of(self.question(question))}/leaderboard?split={quoted(split)}"
        return path if per == "team" else f"{path}&per={quoted(per)}"

    def watch_leaderboard(
        self,
        callback: Callback,
        question: str | None = None,
        split: str = "public",
        *,
        on_error: OnError | None = None,
    ) -> Watch:
        """Call back with the leaderboard's JSON now and whenever it changes; see `Client.watch`."""
        return self.client.watch(self.leaderboard_path(split, question), callback, on_error=on_error)

    def notices(self) -> list[Json]:
        """When and why submissions were judged again, newest first, with your scores before and after."""
        found: list[Json] = self.client.get(f"{self.path}/notices")
        return found

    def baselines(self) -> pd.DataFrame:
        """The reference notebooks and how their last run went."""
        from kit.client.tables import table

        return table(self.client.get(f"{self.path}/baselines"))

    def limits(self) -> pd.DataFrame:
        """How many submissions are left, by question."""
        from kit.client.tables import table

        self._require_login()
        return table(self.client.get(f"{self.path}/limits"))

    def accept_rules(self) -> None:
        """Accept the rules, which are in ``overview["rules"]``."""
        self._require_login()
        self.client.post(f"{self.path}/rules")

    def _row_ids(self, question: Json) -> Any:
        from kit.client import files

        return files.row_ids(files.download(self.client, self.slug, question), question)

    def _expectation(self, question: Json) -> Expected:
        key = (question["id"], question.get("version"))
        if key not in self._expected:
            from kit.client.expectation import fetch_expected

            self._expected[key] = fetch_expected(self.client, self.path, question)
        return self._expected[key]
