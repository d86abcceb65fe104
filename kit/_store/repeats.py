"""Finds what a team sent before with the same content. Changes nothing."""

from __future__ import annotations

from kit._store.database import Connections


def sent_before(connections: Connections, team_id: int, question: str, sha256: str) -> int | None:
    """The last submission of a team to a question with this content, if it need not be sent again.

    That is while it waits or runs, or where it is SCORED under the version in force: what was REJECTED or
    met an ERROR may be tried again, and so may what another version of the question judged.
    """
    row = connections.row(
        "select s.id from submission s join standing n on n.submission_id = s.id "
        "join judgement j on j.id = n.judgement_id where s.team_id = ? and s.question = ? and s.sha256 = ? "
        "and (j.state in ('QUEUED', 'RUNNING') or (j.state = 'SCORED' and j.version_id = ("
        "select version_id from version_in_force f where f.competition = s.competition "
        "and f.question = s.question order by f.id desc limit 1))) order by s.id desc limit 1",
        [team_id, question, sha256],
    )
    return None if row is None else int(row["id"])
