"""Keeps contributivity up with what is scored: a thread of the judge's process, which computes elsewhere.

It waits until a leaderboard has been still for a moment, and longer the longer the last blend took; of one
that is never still, it takes a small share of the time. Code and predictions are judged meanwhile.
"""

from __future__ import annotations

import hashlib
import json
import logging
import multiprocessing
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pebble import ProcessPool

from kit.blending import BlendJob, Member, blend
from kit.clock import Clock, utc_now
from kit.competition import Competition, Question, load_copy
from kit.runner.ramp_facts import kept_facts
from kit.store import Blended, Candidate, Store
from kit.workers import end_with_parent

log = logging.getLogger("kit.blender")

MOST = 300
"""So many submissions are blended, each team's best first."""
LOOK_S = 0.5
QUIET_S = 1.0
LONGEST_S = 15.0
"""It waits for a still moment no longer than so."""
FACTOR = 5.0
"""And rests between two blends for so many times as long as one takes."""
BUSY_FACTOR = 49.0
"""For so many times where the leaderboard is never still: whoever submits then needs the processors."""
QUICK_S = 2.0
"""Where bagging took no longer than so, it is not put off."""
WALL_S = 900.0


@dataclass
class _Watched:
    """What is known of a question's leaderboard, by the monotonic clock."""

    topic: int = -1
    changed_at: float = 0.0
    since: float | None = None
    """When the first change came that is not blended yet."""
    rests_until: float = 0.0
    rests_busy_until: float = 0.0
    """It rests until then while the leaderboard is not still."""
    bagging_s: float = 0.0
    bags_wait: bool = False

    def is_due(self, now: float, quiet_s: float) -> bool:
        """Whether it is time to blend."""
        if self.since is None and not self.bags_wait:
            return False
        if now >= self.changed_at + quiet_s:
            return now >= self.rests_until
        has_waited = self.since is not None and now >= self.since + LONGEST_S
        return has_waited and now >= self.rests_busy_until

    def rest(self, started: float, more_s: float = 0.0) -> None:
        """Rest after what was started then."""
        now = time.monotonic()
        self.rests_until = now + FACTOR * (now - started) + more_s
        self.rests_busy_until = now + BUSY_FACTOR * (now - started) + more_s


class Blender:
    """Blends the submissions of some competitions' questions, again and again.

    Parameters
    ----------
    compute : callable
        Makes a blend: `blend` itself, or in another process.
    quiet_s : float
        So long a leaderboard must have been still.
    """

    def __init__(
        self,
        store: Store,
        slugs: Sequence[str],
        compute: Callable[[BlendJob], Blended] = blend,
        *,
        clock: Clock = utc_now,
        quiet_s: float = QUIET_S,
    ) -> None:
        self._store, self._slugs, self._compute, self._clock = store, slugs, compute, clock
        self._quiet_s = quiet_s
        self._watched: defaultdict[tuple[str, str], _Watched] = defaultdict(_Watched)

    def run(self, stop: threading.Event) -> None:
        """Blend until told to stop."""
        while not stop.wait(LOOK_S):
            try:
                self.step()
            except Exception:
                if not stop.is_set():
                    log.exception("Blending failed")

    def step(self) -> int:
        """Blend what is due; how many blends were made."""
        n_made = 0
        for slug in self._slugs:
            for question in self._store.versions.settings(slug).question:
                watched = self._watched[slug, question.id]
                now = time.monotonic()
                topic = self._store.topic_version(f"board/{slug}/{question.id}")
                if topic != watched.topic:
                    watched.topic, watched.changed_at = topic, now
                    watched.since = now if watched.since is None else watched.since
                if watched.is_due(now, self._quiet_s):
                    n_made += self._blend(slug, question.id, watched)
        return n_made

    def _blend(self, slug: str, question_id: str, watched: _Watched) -> bool:
        started = time.monotonic()
        job = self._job(slug, question_id, is_bagged=watched.bags_wait or watched.bagging_s <= QUICK_S)
        members = "" if job is None else _told_apart(job)
        known, is_bagged = self._store.blends.known(slug, question_id)
        if job is None or (known == members and (is_bagged or not job.is_bagged)):
            watched.bags_wait = job is not None and not is_bagged
            watched.since = None
            watched.rest(started)
            return False
        try:
            blended = self._compute(job)
            self._store.blends.keep(slug, question_id, members, blended, now=self._clock())
        except Exception:
            # Nothing counts as done: it is tried again after a rest.
            watched.rest(started, LONGEST_S)
            raise
        watched.since, watched.bags_wait = None, not blended.is_bagged
        if job.is_bagged:
            watched.bagging_s = time.monotonic() - started
        watched.rest(started)
        return True

    def _job(self, slug: str, question_id: str, *, is_bagged: bool) -> BlendJob | None:
        """What is to be blended now; None where there is nothing."""
        version = self._store.versions.in_force(slug, question_id)
        if version is None:
            return None
        directory = self._store.versions.directory(slug, question_id, version)
        if not directory.is_dir():
            return None
        copy = load_copy(directory)
        question = copy.find_question(question_id)
        for are_code in [True, False] if question.code else [False]:
            found, n = self._candidates(slug, copy, question, version, are_code=are_code)
            if found:
                members = tuple(
                    Member(c.submission, c.judgement, self._store.blobs.path(c.sha256)) for c in found
                )
                left_out = n - len(found)
                return BlendJob(directory, question_id, version, members, are_code, left_out, is_bagged)
        return None

    def _candidates(
        self, slug: str, copy: Competition, question: Question, version: str, *, are_code: bool
    ) -> tuple[list[Candidate], int]:
        if question.has_problem:
            facts = kept_facts(copy, question)
            metric, is_greater = facts.metrics[0], facts.directions[facts.metrics[0]]
        else:
            metric, is_greater = question.metric, question.is_greater_better(question.metric)
        return self._store.blends.candidates(
            slug,
            question.id,
            version=version,
            metric=metric,
            greater_is_better=is_greater,
            are_code=are_code,
            most=MOST,
        )


def _told_apart(job: BlendJob) -> str:
    ids = json.dumps([job.version, job.n_left_out, *(member.judgement for member in job.members)])
    return hashlib.sha256(ids.encode()).hexdigest()


class BlendProcess:
    """Makes blends in a process of its own, which starts with the first and stays."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPool(max_workers=1, context=context, initializer=_start, initargs=(os.getpid(),))

    def __call__(self, job: BlendJob) -> Blended:
        """Make a blend.

        Raises
        ------
        Exception
            It took too long, or the process died.
        """
        made: Blended = self._pool.schedule(blend, args=[job], timeout=WALL_S).result()
        return made

    def close(self) -> None:
        """Kill what runs."""
        self._pool.stop()  # type: ignore[no-untyped-call]
        self._pool.join()


def _start(parent: int) -> None:
    os.umask(0o077)
    os.nice(10)
    threading.Thread(target=end_with_parent, args=(parent,), daemon=True).start()
