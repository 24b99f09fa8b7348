"""The live state, the trace and the screen."""

from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console

from heartlog._firmware.monitor.link import wire
from heartlog.live import LiveState, Trace
from heartlog.live.screen import render
from heartlog.live.view import View


def record(name: str, sample: int, boot: int = 1, **values: int) -> SimpleNamespace:
    return SimpleNamespace(name=name, boot=boot, values={"sample": sample, **values})


def steady(state: LiveState, count: int = 10, rr: int = 200, first: int = 1000) -> int:
    """Beats each `rr` samples; the sample index of the last."""
    for i in range(count):
        state.take(record("beat", first + i * rr, rr=rr if i else 0, flags=0))
    return first + (count - 1) * rr


def test_rate_is_the_mean_of_the_last_intervals():
    state = LiveState()
    state.take(record("signal", 0, state=wire.SIGNAL_GOOD, off=0, channel=1))
    steady(state)
    assert state.heart_rate == pytest.approx(75.0)
    assert state.last_rr_ms == pytest.approx(800.0)
    assert state.beat_count == 10


def test_no_rate_that_is_not_true():
    state = LiveState()
    last = steady(state)
    state.hear(last + 5 * 250)  # five seconds without a beat
    assert state.heart_rate is None
    state = LiveState()
    last = steady(state)
    state.take(record("signal", last + 10, state=wire.SIGNAL_LEAD_OFF, off=0b10, channel=1))
    assert state.heart_rate is None
    assert state.electrodes() == [("RA", True), ("LA", False), ("LL", True)]
    state = LiveState()
    last = steady(state)
    state.take(record("beat", last + 300, rr=0, flags=wire.BEAT_AFTER_GAP))
    assert state.heart_rate is None
    assert state.last_rr_ms is None


def test_other_channel_does_not_hide_the_rate():
    state = LiveState()
    last = steady(state)
    state.take(record("signal", last, state=wire.SIGNAL_FLAT, off=0, channel=2))
    assert state.heart_rate == pytest.approx(75.0)
    state.take(record("setting", last, key=1, value=1))  # the detector reads channel 2 now
    state.take(record("signal", last, state=wire.SIGNAL_FLAT, off=0, channel=2))
    assert state.signal_name == "flat"


def test_a_boot_begins_anew_and_an_index_before_zero_does_no_harm():
    state = LiveState()
    steady(state)
    state.take(record("boot", 0, boot=2, rate=500, pv_per_code=48081))
    assert state.heart_rate is None
    assert state.rate == 500
    assert state.nv_per_code == pytest.approx(48.081)
    state.take(record("beat", 2**32 - 5, boot=2, rr=0, flags=0))
    state.take(record("beat", 300, boot=2, rr=305, flags=0))
    state.take(record("beat", 600, boot=2, rr=300, flags=0))
    assert state.now_sample == 600
    assert state.heart_rate == pytest.approx(60 * 500 / 302.5)


def test_unknown_and_broken_records_are_passed_over():
    state = LiveState()
    state.take(SimpleNamespace(name="type 29", boot=1, values={}))
    state.take(record("type 28", 5))
    assert state.beat_count == 0


def test_trace_scrolls_and_keeps_holes():
    trace = Trace(rate=10, seconds=1)
    trace.add(100, [1, 2, 3, 4])
    trace.add(102, [3, 4, 5])  # two repeated, one new
    assert trace.end == 105
    trace.add(107, [8])  # two missing
    assert np.array_equal(
        trace._values, [np.nan, np.nan, 1, 2, 3, 4, 5, np.nan, np.nan, 8], equal_nan=True
    )
    trace.add(0, [9.0])  # begins anew
    assert trace.end == 1
    assert np.isnan(trace._values[:-1]).all()
    trace.add(1, np.arange(50))
    assert np.array_equal(trace._values, np.arange(40, 50))


def test_trace_marks_and_scale():
    trace = Trace(rate=250, seconds=4)
    assert trace.column_of(5, 70) is None
    trace.add(0, np.zeros(1000))
    assert trace.column_of(0, 70) == 0
    assert trace.column_of(999, 70) == 69
    assert trace.column_of(1000, 70) is None
    assert trace.scale() == (-400.0, 400.0)  # a flat line is not blown up
    assert trace.draw(10, 1).rows_text()[0].strip() != ""


@pytest.mark.parametrize("unicode", [True, False])
@pytest.mark.parametrize(("width", "height"), [(80, 23), (60, 16), (120, 40)])
def test_screen_fits(unicode: bool, width: int, height: int):
    view = View()
    view.state.nv_per_code = 48.08
    steady(view.state, 30)
    view.take(record("signal", 6900, state=wire.SIGNAL_LEAD_OFF, off=0b111111, channel=0))
    view.take(record("fault", 6901, code=1, detail=-5))
    t = np.arange(1500) / 250
    view.take_ecg(1, 6000, (20000 * np.sin(2 * np.pi * t)).astype(int))
    console = Console(width=width, height=height, color_system=None)
    with console.capture() as capture:
        console.print(render(view.state, view.trace, width=width, height=height, unicode=unicode))
    lines = capture.get().splitlines()
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    assert "lead off" in text
    assert "OFF" in text
    if not unicode:
        assert text.isascii()


def test_line_without_a_terminal():
    view = View()
    view.status = "connected"
    steady(view.state)
    assert "75 beats/min  RR 800 ms  beats 10" in view.line()
    assert view.line().isascii()


@pytest.mark.parametrize("width", [60, 80])
def test_an_electrode_that_is_off_is_told_in_both_colour_codes(width: int):
    view = View()
    steady(view.state)
    view.take(record("signal", 2600, state=wire.SIGNAL_LEAD_OFF, off=0b10, channel=0))
    console = Console(width=width, height=23, color_system=None)
    with console.capture() as capture:
        console.print(render(view.state, view.trace, width=width, height=23, unicode=False))
    assert "off: LA (IEC yellow, AHA black)" in capture.get()
    assert "LA off (IEC yellow, AHA black)" in view.line()
    view.take(record("signal", 2700, state=wire.SIGNAL_LEAD_OFF, off=0b111111, channel=0))
    with console.capture() as capture:
        console.print(render(view.state, view.trace, width=width, height=23, unicode=False))
    assert max(map(len, capture.get().splitlines())) <= width
