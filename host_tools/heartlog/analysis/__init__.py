"""Figures from beats: pure functions of arrays, no clock, no database, no radio.

from heartlog.analysis import AnalysisSettings, analyse

analysis = analyse(session, store.timeline(session.id), AnalysisSettings(pause_ms=2500))
"""

from heartlog.analysis.settings import AnalysisSettings
from heartlog.analysis.summary import Analysis, Urgent, analyse, to_plain

__all__ = ["Analysis", "AnalysisSettings", "Urgent", "analyse", "to_plain"]
