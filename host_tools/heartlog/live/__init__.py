"""The monitor as it is now: `state` gathers what comes, `screen` draws it in a terminal."""

from heartlog.live.state import LiveState
from heartlog.live.trace import Trace

__all__ = ["LiveState", "Trace"]
