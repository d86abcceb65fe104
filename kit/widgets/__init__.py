"""What people see in JupyterLab and Voila. Speaks to the service through kit.client alone."""

from __future__ import annotations

from kit.widgets.boards import LeaderboardTable, SubmissionsTable, leaderboard, submissions
from kit.widgets.card import SubmissionCard, card
from kit.widgets.countdown import Countdown
from kit.widgets.fragment import Fragment
from kit.widgets.listing import diff, listing
from kit.widgets.login import Gate, LoginForm, login
from kit.widgets.organizer import organizer
from kit.widgets.panel import panel
from kit.widgets.pareto import plots
from kit.widgets.screen import big_screen, visit
from kit.widgets.table import LiveTable, column
from kit.widgets.trial import TrialCard, trial_card
from kit.widgets.upload import UploadBox

__all__ = [
    "Countdown",
    "Fragment",
    "Gate",
    "LeaderboardTable",
    "LiveTable",
    "LoginForm",
    "SubmissionCard",
    "SubmissionsTable",
    "TrialCard",
    "UploadBox",
    "big_screen",
    "card",
    "column",
    "diff",
    "leaderboard",
    "listing",
    "login",
    "organizer",
    "panel",
    "plots",
    "submissions",
    "trial_card",
    "visit",
]
