"""Reference notebooks: run by papermill on participants' files, put on the leaderboard. No server code."""

from kit.baselines._publish import check_organizer, publish, rerun
from kit.baselines._run import Baseline, OnCell, find_notebooks, run_notebook

__all__ = ["Baseline", "OnCell", "check_organizer", "find_notebooks", "publish", "rerun", "run_notebook"]
