"""The tables of the store, as migrations: add one at the end, never change one that was released."""

from __future__ import annotations

import sqlite3

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

migrations = Migrations("kit")


def _run(db: Database, script: str) -> None:
    """One statement after another: ``executescript`` would commit the migration's transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            db.execute(statement)
            statement = ""


@migrations()
def m001_first_tables(db: Database) -> None:
    """Accounts, teams, submissions, judgements, scores, the ledger, and what is needed around them."""
    _run(db, _FIRST)


@migrations()
def m002_evidence(db: Database) -> None:
    """Standard errors, and what comparing and ranking submissions takes."""
    db.execute("alter table score add column se real")
    db.execute("alter table score add column warning text not null default ''")
    db.execute(
        "create table evidence (judgement_id integer not null references judgement(id), "
        "split text not null check (split in ('public', 'private')), influences blob not null, "
        "resampled blob not null, primary key (judgement_id, split)) without rowid"
    )


@migrations()
def m003_rejudging(db: Database) -> None:
    """Versions in force, rejudges, and from when on which judgement counted."""
    _run(db, _REJUDGING)


@migrations()
def m004_sketches(db: Database) -> None:
    """What tells how many rows of two submissions differ."""
    db.execute(
        "create table sketch (judgement_id integer primary key references judgement(id), "
        "n_rows integer not null, hashes blob not null, n_off text not null)"
    )


@migrations()
def m005_best(db: Database) -> None:
    """What each team stands on leaderboards with; filled when a leaderboard is first asked for."""
    _run(db, _BEST)


@migrations()
def m006_code(db: Database) -> None:
    """Lanes and turns, runs of code on folds, and requests to cancel."""
    _run(db, _CODE)


@migrations()
def m007_finding(db: Database) -> None:
    """Find what runs and what failed among very many judgements."""
    db.execute("create index judgement_running on judgement (id) where state = 'RUNNING'")
    db.execute("create index judgement_failed on judgement (id) where state = 'ERROR'")


@migrations()
def m008_blends(db: Database) -> None:
    """What submissions add to the ensemble of all, and what they owe to each other."""
    _run(db, _BLENDS)


@migrations()
def m009_by_hub(db: Database) -> None:
    """Whose accounts a JupyterHub vouches for."""
    db.execute("alter table user add column by_hub integer not null default 0")


@migrations()
def m010_notebooks(db: Database) -> None:
    """How far notebooks are, and how they came back."""
    db.execute("alter table run add column n_cells integer")
    db.execute("alter table run add column n_cells_done integer")
    db.execute("alter table code_result add column notebook_sha256 text")


@migrations()
def m011_team_groups(db: Database) -> None:
    """Which group of a JupyterHub a team stands for: a name alone could be anybody's."""
    db.execute("alter table team add column group_key text")
    db.execute("create unique index team_group on team (competition, group_key)")


_FIRST = """
create table user (
    id integer primary key, name text not null, name_key text not null unique, email text,
    password_hash text, role text not null check (role in ('participant', 'organizer')),
    created_at text not null, last_seen_at text, is_disabled integer not null default 0
);
create table token (
    id integer primary key, user_id integer not null references user(id), hash text not null unique,
    label text not null, scopes text not null, created_at text not null, expires_at text not null,
    revoked_at text
);
create index token_user on token (user_id);
create table team (
    id integer primary key, competition text not null, name text not null, name_key text not null,
    is_baseline integer not null default 0, created_at text not null,
    unique (competition, name_key)
);
create table member (
    competition text not null, user_id integer not null references user(id),
    team_id integer not null references team(id), joined_at text not null,
    primary key (competition, user_id)
);
create index member_team on member (team_id);
create table rules_acceptance (
    competition text not null, user_id integer not null references user(id), rules_hash text not null,
    accepted_at text not null, primary key (competition, user_id, rules_hash)
);
create table question_version (
    id integer primary key, competition text not null, question text not null, hash text not null,
    created_at text not null, unique (competition, question, hash)
);
create table submission (
    id integer primary key, competition text not null, question text not null, phase text not null,
    team_id integer not null references team(id), user_id integer references user(id),
    kind text not null, sha256 text not null, n_bytes integer not null, filename text not null,
    note text not null, submitted_at text not null, idempotency_key text,
    unique (user_id, idempotency_key)
);
create index submission_team on submission (team_id, question, id);
create index submission_question on submission (competition, question, id);
create table judgement (
    id integer primary key, submission_id integer not null references submission(id),
    version_id integer not null references question_version(id),
    state text not null check (state in ('QUEUED', 'RUNNING', 'SCORED', 'REJECTED', 'ERROR')),
    queued_at text not null, started_at text, finished_at text,
    worker text, lease_until text, attempts integer not null default 0,
    verdict text, reasons text not null default '[]', incident text
);
create index judgement_submission on judgement (submission_id, id);
create index judgement_waiting on judgement (state, id) where state in ('QUEUED', 'RUNNING');
create table score (
    judgement_id integer not null references judgement(id), metric text not null,
    split text not null check (split in ('public', 'private')), score real not null, low real not null,
    high real not null, level real not null, n_rows integer not null, n_resamples integer not null,
    primary key (judgement_id, metric, split)
) without rowid;
create table standing (
    submission_id integer primary key references submission(id),
    judgement_id integer not null references judgement(id)
);
create table selection (
    team_id integer not null references team(id), question text not null,
    submission_id integer not null references submission(id), selected_at text not null,
    primary key (team_id, question, submission_id)
) without rowid;
create table ledger (
    id integer primary key, team_id integer not null references team(id), competition text not null,
    question text not null, phase text not null, submission_id integer not null references submission(id),
    day text not null, delta integer not null check (delta in (-1, 1)), reason text not null,
    at text not null
);
create index ledger_team on ledger (team_id, question, phase, day);
create table incident (
    id text primary key, at text not null, place text not null, detail text not null,
    submission_id integer references submission(id)
);
create table baseline (
    competition text not null, question text not null, name text not null,
    state text not null check (state in ('ok', 'failed')), cell integer, error text, seconds real,
    ran_at text not null, sha256 text, submission_id integer references submission(id),
    primary key (competition, question, name)
);
create table worker (
    id text primary key, pid integer not null, started_at text not null, seen_at text not null
);
create table topic (name text primary key, version integer not null);
create index topic_version on topic (version);
create trigger submission_is_a_fact before update on submission
    begin select raise(abort, 'a submission is never edited'); end;
create trigger submission_stays before delete on submission
    begin select raise(abort, 'a submission is never deleted'); end;
create trigger judgement_stays before delete on judgement
    begin select raise(abort, 'a judgement is never deleted'); end;
create trigger final_judgement_is_final before update on judgement
    when old.state in ('SCORED', 'REJECTED', 'ERROR')
    begin select raise(abort, 'a final judgement is never edited'); end;
"""

_REJUDGING = """
create table version_in_force (
    id integer primary key, competition text not null, question text not null,
    version_id integer not null references question_version(id), since text not null
);
create index version_in_force_question on version_in_force (competition, question, id);
create table counted (
    id integer primary key, submission_id integer not null references submission(id),
    judgement_id integer not null references judgement(id), at text not null
);
create index counted_submission on counted (submission_id, id);
create table rejudge (
    id integer primary key, competition text not null, question text not null,
    version_id integer not null references question_version(id),
    from_version_id integer not null references question_version(id),
    scope text not null, is_dry_run integer not null, reason text not null,
    state text not null check (state in ('running', 'stopped', 'blocked', 'ready', 'done', 'overtaken')),
    started_at text not null, ended_at text, last_counted_id integer
);
create index rejudge_question on rejudge (competition, question, id);
alter table judgement add column rejudge_id integer references rejudge(id);
alter table judgement add column refund text;
create index judgement_of_rejudge on judgement (rejudge_id, state) where rejudge_id is not null;
create index judgement_in_rejudge on judgement (rejudge_id, submission_id, state)
    where rejudge_id is not null;
create index ledger_submission on ledger (submission_id);
create index judgement_first on judgement (id) where state = 'QUEUED' and rejudge_id is null;
create index judgement_again on judgement (id) where state = 'QUEUED' and rejudge_id is not null;
create index judgement_of_version on judgement (version_id, submission_id, id);
drop trigger judgement_stays;
create trigger judgement_stays before delete on judgement
    when old.state != 'QUEUED' or old.rejudge_id is null
    begin select raise(abort, 'a judgement is never deleted'); end;
create trigger counted_is_a_fact before update on counted
    begin select raise(abort, 'what counted is never edited'); end;
create trigger counted_stays before delete on counted
    begin select raise(abort, 'what counted is never deleted'); end;
insert into counted (submission_id, judgement_id, at)
    select submission_id, id, finished_at from judgement where state in ('SCORED', 'REJECTED')
    order by finished_at, id;
insert or ignore into standing (submission_id, judgement_id)
    select submission_id, max(id) from judgement group by submission_id;
insert into version_in_force (competition, question, version_id, since)
    select v.competition, v.question, v.id, v.created_at from question_version v join (
        select s.competition, s.question, j.version_id, max(j.id) from judgement j
        join submission s on s.id = j.submission_id group by s.competition, s.question
    ) last on last.version_id = v.id;
"""

_BEST = """
create table ranking (
    id integer primary key, competition text not null, question text not null, metric text not null,
    greater integer not null, until text not null, filled integer not null,
    unique (competition, question, metric, greater, until)
);
create table best (
    ranking_id integer not null references ranking(id),
    split text not null check (split in ('public', 'private')),
    team_id integer not null references team(id), points real not null, submitted_at text not null,
    submission_id integer references submission(id), judgement_id integer not null references judgement(id),
    n_tries integer not null, version integer not null,
    primary key (ranking_id, split, team_id)
) without rowid;
create index best_version on best (ranking_id, split, version);
"""

_CODE = """
alter table judgement add column lane text not null default 'quick' check (lane in ('quick', 'code'));
alter table judgement add column turn integer not null default 0;
drop index judgement_first;
drop index judgement_again;
create index judgement_first on judgement (lane, turn, id) where state = 'QUEUED' and rejudge_id is null;
create index judgement_again on judgement (lane, id) where state = 'QUEUED' and rejudge_id is not null;
create table lane (name text primary key, turn integer not null);
insert into lane (name, turn) values ('quick', 0), ('code', 0);
create table run (
    judgement_id integer not null references judgement(id), fold integer not null,
    state text not null check (state in ('waiting', 'running', 'done', 'failed')),
    scores text not null default '{}', fit_s real, valid_s real, test_s real,
    fit_cpu_s real, valid_cpu_s real, test_cpu_s real, peak_bytes integer,
    primary key (judgement_id, fold)
) without rowid;
create table code_result (
    judgement_id integer primary key references judgement(id), report text not null,
    traceback text not null, output text not null, test_sha256 text, valid_sha256 text
);
create table cancel_request (
    submission_id integer primary key references submission(id), user_id integer references user(id),
    at text not null
);
"""

_BLENDS = """
create table blend (
    competition text not null, question text not null, version text not null, members text not null,
    is_bagged integer not null, facts text not null, made_at text not null,
    primary key (competition, question)
) without rowid;
create table contributivity (
    submission_id integer primary key references submission(id), exact real not null, bagged real, error real
);
create table credit (
    id integer primary key, submission_id integer not null references submission(id),
    source_id integer not null references submission(id), share real not null check (share between 0 and 1),
    user_id integer not null references user(id), at text not null
);
create index credit_of on credit (submission_id, source_id, id);
create trigger credit_is_a_fact before update on credit
    begin select raise(abort, 'a credit is never edited'); end;
"""
