"""Block tables and what follows from them: errors, intervals, comparisons, ranks. Arrays only, no files.

Rows are dealt into blocks once (`deal`), a submission is reduced to sums per block (`reducer`), and from
those come score, standard error, influences and resampled scores (`estimate`). Of these, two
submissions are compared (`compare`) and all are ranked (`rank_teams`). What participants see is cut to
its `grain`. Blocks, influences and resampled scores give labels away: they stay on the server.
"""

from kit._scoring.blocks import Blocks, deal
from kit._scoring.coarse import compare_coarsely, told
from kit._scoring.compare import Comparison, compare
from kit._scoring.custom import black_box
from kit._scoring.estimate import LEVEL, Estimate, Range, estimate
from kit._scoring.grain import grain, shown, shown_text
from kit._scoring.order import compile_sorting
from kit._scoring.prepared import PreparedSplit, prepare
from kit._scoring.ranks import MOST_PAIRED, Ranks, rank_teams
from kit._scoring.reduce import reducer
from kit._scoring.table import Reducer, Rows, Table, mean_of

__all__ = [
    "LEVEL",
    "MOST_PAIRED",
    "Blocks",
    "Comparison",
    "Estimate",
    "PreparedSplit",
    "Range",
    "Ranks",
    "Reducer",
    "Rows",
    "Table",
    "black_box",
    "compare",
    "compare_coarsely",
    "compile_sorting",
    "deal",
    "estimate",
    "grain",
    "mean_of",
    "prepare",
    "rank_teams",
    "reducer",
    "shown",
    "shown_text",
    "told",
]
