"""What a competition's handle does with code: read, compare, take into a cell, give credit for it."""

from __future__ import annotations

from kit.client import credits
from kit.client.code import Code, put_into_cell
from kit.client.credits import Credits, Shares, Sources
from kit.client.diff import Diff
from kit.client.handle import Handle
from kit.client.submission import Submission, number_of


class Reading(Handle):
    """One competition, and the code in it."""

    def code(self, submission: Submission | int) -> Code:
        """The code of a submission, shown highlighted; ``files`` has the text of each file.

        Of your team's own; of everyone's in a phase where code is open.
        """
        self._require_login()
        number = number_of(submission)
        facts = submission.facts if isinstance(submission, Submission) else {"id": number}
        told = self.client.get(f"/submissions/{number}/code")
        return Code({**facts, **told}, {file["name"]: file["text"] for file in told["files"]})

    def diff(self, a: Submission | int, b: Submission | int) -> Diff:
        """What differs from the code of one submission to that of another."""
        return Diff(self.code(a), self.code(b))

    def use(self, submission: Submission | int, name: str | None = None) -> None:
        """Put the code of a submission into a new cell, as ``%load`` does with a file.

        What you build on it owes its team credit: see `credit`.

        Parameters
        ----------
        name : str, optional
            Which of its files; by default the one that defines ``get_estimator()``.
        """
        found = self.code(submission)
        entries = {(each.get("code") or {}).get("submission") for each in self.overview["questions"]}
        entry = next((f"{each}.py" for each in entries if each and f"{each}.py" in found.files), None)
        chosen = found.file(name, entry=entry)
        put_into_cell(f"# {found.title}: {chosen}\n{found.shown(chosen)}")

    def credits(self, submission: Submission | int) -> Credits:
        """What your submission owes to others, and what the likeness of its code suggests."""
        self._require_login()
        return credits.look(self.client, submission)

    def credit(
        self, submission: Submission | int, to: Sources | None = None, shares: Shares | None = None
    ) -> Credits:
        """Say what your submission owes to older ones, in place of what you said before.

        Their teams get these shares of its contributivity, as historical contributivity.

        Parameters
        ----------
        to : submission or sequence of submissions, optional
            By default what the likeness of the code suggests; ``[]`` takes credits back.
        shares : float or sequence of float, optional
            For each, from 0 to 1, and 1 in sum at most; by default as suggested.

        Raises
        ------
        InvalidRequest
            Nothing is suggested; or a source is not older, or no code that you may read.
        """
        self._require_login()
        return credits.give(self.client, submission, to, shares)
