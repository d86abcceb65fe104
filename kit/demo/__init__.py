"""The demo: sample competitions, service, JupyterLab and dashboard on this machine, in one command."""

from kit.demo._ports import Ports
from kit.demo._run import run

__all__ = ["Ports", "run"]
