"""The notebook side without widgets: connect, Client and the handles it gives. Imports no server code."""

from kit.client.competition import CompetitionClient
from kit.client.connecting import connect, last_connected, locate
from kit.client.facts import Checked, Comparison, Team
from kit.client.service import Client
from kit.client.submission import Submission
from kit.client.watching import Watch

__all__ = [
    "Checked",
    "Client",
    "Comparison",
    "CompetitionClient",
    "Submission",
    "Team",
    "Watch",
    "connect",
    "last_connected",
    "locate",
]
