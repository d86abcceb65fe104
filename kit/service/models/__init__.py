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
from kit.service.models._code import Code, CodeFile, CodeRun, Fold, QuestionCode, Steps
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
    "Code",
    "CodeFile",
    "CodeRun",
    "CombinedLeaderboard",
    "CombinedPart",
    "CombinedRow",
    "Comparison",
    "CompetitionLine",
    "DataFile",
    "FileName",
    "Fold",
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
    "QuestionCode",
    "QueueCounts",
    "Rejudged",
    "Scores",
    "Selection",
    "SignUp",
    "State",
    "Steps",
    "Submission",
    "Time",
    "Token",
    "TokenMade",
    "User",
    "Value",
]
