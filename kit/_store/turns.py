"""Whose turn it is: in each lane teams take turns, however many submissions one of them has waiting.

Start-time fair queueing (Goyal, Vin and Cheng 1996) with equal weights: a submission's turn is one more than
its team's last waiting one, or than that which the lane has come to, whichever is later. The lowest turn is
next, the older submission first. A turn is given once, so what waits is passed by few and never starves.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from kit._store.database import Connections, Row
from kit.submission import Lane, State

IN_ORDER = "lane, turn, id"
"""The order of what waits, but for rejudgements, which come last."""


def next_turn(c: Connections, lane: Lane, team_id: int) -> int:
    """The turn of a team's next submission; inside a transaction."""
    row = c.row(
        "select max(l.turn, coalesce((select max(j.turn) from submission s "
        "join judgement j on j.submission_id = s.id where s.team_id = :team and j.lane = :lane "
        "and j.state = 'QUEUED' and j.rejudge_id is null), 0)) + 1 as turn from lane l where l.name = :lane",
        {"team": team_id, "lane": lane.value},
    )
    assert row is not None
    return int(row["turn"])


def reach(db: Any, lane: Lane, turn: int) -> None:
    """Note that a lane has come to a turn; inside a transaction."""
    db.conn.execute("update lane set turn = max(turn, ?) where name = ?", (turn, lane.value))


def next_in(c: Connections, lane: Lane) -> Row | None:
    """The judgement that is made next in a lane, with its submission."""
    return _row(c, "judgement_first", "rejudge_id is null", IN_ORDER, lane) or _row(
        c, "judgement_again", "rejudge_id is not null", "lane, id", lane
    )


def _row(c: Connections, index: str, which: str, order: str, lane: Lane) -> Row | None:
    # By name: SQLite would take an index that leads through everything that waits.
    return c.row(
        "select j.id as judgement_id, j.turn, j.attempts, s.id as submission_id, s.competition, s.question, "
        "s.sha256, s.filename, s.kind, s.team_id, v.hash as version, j.rejudge_id from judgement j "
        "join submission s on s.id = j.submission_id join question_version v on v.id = j.version_id "
        f"where j.id = (select id from judgement indexed by {index} "
        f"where state = 'QUEUED' and {which} and lane = ? order by {order} limit 1)",
        [lane.value],
    )


def waits_in(c: Connections, lane: Lane) -> bool:
    """Whether anything waits in a lane."""
    return any(
        c.row(
            f"select 1 from judgement indexed by {index} where state = 'QUEUED' and {which} and lane = ? "
            "limit 1",
            [lane.value],
        )
        for index, which in (
            ("judgement_first", "rejudge_id is null"),
            ("judgement_again", "rejudge_id is not null"),
        )
    )


def places(c: Connections, judgement_ids: Iterable[int]) -> dict[int, int]:
    """Places of those that wait in their lane (1 is next), as the order is now; none of rejudgements."""
    rows = c.rows(
        "select w.id, (select count(*) from judgement b indexed by judgement_first where b.state = 'QUEUED' "
        "and b.rejudge_id is null and b.lane = w.lane and (b.turn, b.id) <= (w.turn, w.id)) as place "
        "from judgement w where w.id in (select value from json_each(?)) and w.state = 'QUEUED' "
        "and w.rejudge_id is null",
        [json.dumps(list(judgement_ids))],
    )
    return {row["id"]: row["place"] for row in rows}


# By the indexes of those few that are not SCORED; without a limit inside, all that waits would be sorted.
_FIRST = "from judgement indexed by judgement_first where state = 'QUEUED' and rejudge_id is null"
_AGAIN = "from judgement indexed by judgement_again where state = 'QUEUED' and rejudge_id is not null"
_FAILED = "from judgement indexed by judgement_failed where state = 'ERROR'"
_IDS = {
    State.QUEUED: f"select id from (select id {_FIRST} order by {IN_ORDER} limit {{limit}}) union all "
    f"select id from (select id {_AGAIN} order by lane, id limit {{limit}})",
    State.RUNNING: "select id from judgement indexed by judgement_running where state = 'RUNNING'",
    State.ERROR: f"select id from (select id {_FAILED} order by id {{order}} limit {{limit}})",
}


def ids_of(state: State, order: str, limit: int) -> str:
    """A query of judgements that wait (in the order of the queue), run or failed."""
    return _IDS[state].format(order=order, limit=limit)
