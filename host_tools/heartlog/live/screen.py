"""Draws the live state in a terminal: 80 columns by 24 rows are enough, more are used.

    with Live(auto_refresh=False) as live:
        live.update(render(state, trace, width=80, height=24), refresh=True)

Nothing is told by colour alone, and a terminal without Unicode gets plain characters.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from heartlog._firmware.monitor.link import wire
from heartlog.fit.arrangements import colours
from heartlog.live.state import LiveState
from heartlog.live.trace import Trace
from heartlog.terminal.braille import Canvas

MARGIN = 7
"""Columns left of the trace for its scale."""
RATE_ROWS = 4
FIXED_ROWS = 11
"""Lines other than the trace: head, numbers, electrodes, mark row, rate curve, foot, blanks."""


def render(
    state: LiveState,
    trace: Trace | None,
    *,
    width: int = 80,
    height: int = 24,
    status: str = "connected",
    foot: Sequence[str] = (),
    unicode: bool = True,
) -> RenderableType:
    """The whole screen as one renderable of at most `width` columns and `height` rows."""
    lines = [
        _head(state, status, width),
        Text(),
        _numbers(state, unicode),
        _signal(state, unicode),
        _remark(state),
    ]
    rows = max(4, min(16, height - FIXED_ROWS - len(foot)))
    if trace is not None:
        lines += _trace(state, trace, width, rows, unicode)
    lines += _rate_curve(state, width, unicode)
    lines += [Text(line, style="dim") for line in foot]
    for line in lines:
        line.truncate(width)
        line.no_wrap = True
    return Group(*lines[:height])


def _head(state: LiveState, status: str, width: int) -> Text:
    left = Text.assemble((state.name or "monitor", "bold"), "  ", status)
    right = ""
    if state.battery_percent is not None:
        right = f"battery {state.battery_percent} %" + (" charging" if state.charging else "")
    left.append(" " * max(2, width - left.cell_len - len(right)) + right)
    return left


def _numbers(state: LiveState, unicode: bool) -> Text:
    rate, rr = state.heart_rate, state.last_rr_ms
    heart = "♥ " if unicode else ""
    return Text.assemble(
        (heart, "bold red"),
        (f"{rate:3.0f}" if rate else " --", "bold"),
        " beats/min    RR ",
        (f"{rr:4.0f}" if rr else "  --", "bold"),
        " ms    beats ",
        (f"{state.beat_count}", "bold"),
    )


def _signal(state: LiveState, unicode: bool) -> Text:
    good = state.signal in (wire.SIGNAL_GOOD, wire.SIGNAL_UNKNOWN)
    text = Text.assemble("signal ", (state.signal_name, "bold green" if good else "bold yellow"))
    text.append(state.other_lead)
    known = state.signal != wire.SIGNAL_UNKNOWN or state.off
    for name, on in state.electrodes():
        if not known:
            word, style = "?", "dim"
        elif on:
            word, style = ("● on" if unicode else "on"), "green"
        else:
            word, style = ("○ OFF" if unicode else "OFF"), "bold yellow"
        text.append(f"   {name} ", style="bold")
        text.append(word, style=style)
    return text


def _remark(state: LiveState) -> Text:
    if state.fault:
        return Text(f"FAULT: {state.fault}", style="bold red")
    off = [name for name, on in state.electrodes() if not on]
    if off:
        told = "; ".join(f"{name} ({colours(name)})" if colours(name) else name for name in off)
        return Text(f"off: {told}", style="bold yellow", no_wrap=True, overflow="ellipsis")
    return Text(f"last event: {state.last_event}" if state.last_event else "")


def _trace(state: LiveState, trace: Trace, width: int, rows: int, unicode: bool) -> list[Text]:
    columns = width - MARGIN
    canvas = trace.draw(columns, rows)
    low, high = trace.scale()
    labels = {0: f"{high / 1000:5.1f}", rows // 2: "   mV", rows - 1: f"{low / 1000:5.1f}"}
    lines = [
        Text.assemble((f"{labels.get(i, ''):>5}  ", "dim"), (text, "cyan"))
        for i, text in enumerate(canvas.rows_text(unicode))
    ]
    marks = [" "] * columns
    for sample, _ in state.beats:
        at = trace.column_of(sample, columns)
        if at is not None:
            marks[at] = "▲" if unicode else "^"
    lines.append(Text.assemble(" " * MARGIN, ("".join(marks), "red")))
    return lines


def _rate_curve(state: LiveState, width: int, unicode: bool) -> list[Text]:
    """Heart rate over the last minutes, four rows high."""
    columns = width - MARGIN
    canvas = Canvas(columns, RATE_ROWS)
    seconds = columns * 2.0  # one dot a second
    points = [(self_sample, 60.0 * state.rate / rr) for self_sample, rr in state.beats if rr > 0]
    newest = state.now_sample
    points = [(s, v) for s, v in points if (newest - s) / state.rate < seconds]
    low = min((v for _, v in points), default=60.0)
    high = max((v for _, v in points), default=80.0)
    middle, half = (low + high) / 2, max((high - low) / 2, 10.0)
    for sample, value in points:
        x = canvas.width - 1 - round((newest - sample) / state.rate)
        y = round((middle + half - value) / (2 * half) * (canvas.height - 1))
        canvas.dot(x, y)
    labels = {0: f"{middle + half:5.0f}", RATE_ROWS - 1: f"{middle - half:5.0f}"}
    lines = [
        Text.assemble((f"{labels.get(i, ''):>5}  ", "dim"), text)
        for i, text in enumerate(canvas.rows_text(unicode))
    ]
    caption = f"beats/min over the last {seconds / 60:.0f} min".rjust(columns)
    lines.append(Text(" " * MARGIN + caption, style="dim"))
    return lines
