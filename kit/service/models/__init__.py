"""What crosses HTTP, as models: the shape of every request and answer. Decides nothing."""

from kit.service.models._accounts import LogIn, Me, SignUp, Token, TokenMade, User
from kit.service.models._boards import (
    Baseline,
    BoardRow,
    CombinedLeaderboard,
    CombinedPart,
    CombinedRow,
    Comparison,
    Leaderboard,
    Mode,
)
from kit.service.models._competitions import (
    CompetitionLine,
    DataFile,
    Join,
    LedgerLine,
    Limit,
    Membership,
    Metric,
    Overview,
    Phase,
    Question,
)
from kit.service.models._fields import FileName, Note, Time
from kit.service.models._service import Health, QueueCounts
from kit.service.models._submissions import Rejudged, Scores, Selection, State, Submission, Value

__all__ = [
    "Baseline",
    "BoardRow",
    "CombinedLeaderboard",
    "CombinedPart",
    "CombinedRow",
    "Comparison",
    "CompetitionLine",
    "DataFile",
    "FileName",
    "Health",
    "Join",
    "Leaderboard",
    "LedgerLine",
    "Limit",
    "LogIn",
    "Me",
    "Membership",
    "Metric",
    "Mode",
    "Note",
    "Overview",
    "Phase",
    "Question",
    "QueueCounts",
    "Rejudged",
    "Scores",
    "Selection",
    "SignUp",
    "State",
    "Submission",
    "Time",
    "Token",
    "TokenMade",
    "User",
    "Value",
]
