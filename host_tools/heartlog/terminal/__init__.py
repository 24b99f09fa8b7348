"""Pictures made of characters, for terminals of 80 columns, also over SSH and without colour."""

from heartlog.terminal.braille import Canvas
from heartlog.terminal.plot import Axis, plot_rate

__all__ = ["Axis", "Canvas", "plot_rate"]
