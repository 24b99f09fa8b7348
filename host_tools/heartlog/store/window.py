"""ECG by wall time: what the store holds between two moments, holes left as holes.

window = ecg_window(store, session_id, timeline, at - 3.5, at + 3.5)
window.microvolts        # NaN where there is nothing
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from heartlog.store.clockfit import ClockFit
from heartlog.store.lead import stretches
from heartlog.store.reading import Timeline
from heartlog.store.store import Store


@dataclass(frozen=True, slots=True)
class EcgWindow:
    """A stretch of ECG: `microvolts[i]` at `start + i / rate` (UNIX seconds)."""

    start: float
    rate: float
    channels: tuple[tuple[float, int], ...]
    """(seconds into the window, channel): which one it shows from where on."""
    microvolts: npt.NDArray[np.float32]

    @property
    def covered(self) -> float:
        """Share of the window for which there is ECG, 0 to 1."""
        if len(self.microvolts) == 0:
            return 0.0
        return float(np.isfinite(self.microvolts).mean())


def ecg_window(
    store: Store,
    session_id: int,
    timeline: Timeline,
    start: float,
    stop: float,
    channel: int | None = None,
) -> EcgWindow | None:
    """Return the ECG from `start` to `stop` (UNIX seconds), None where there is none at all.

    `channel`: from 1; None: at each moment the one that the beats come from.
    """
    for boot, fit in enumerate(timeline.fits):
        first, last = fit.index(start), fit.index(stop)
        if last <= 0:
            continue
        told = stretches(timeline, boot) if channel is None else [(-(2**62), channel)]
        shown = _within(told, first, last)
        out = np.full(max(0, last - first), np.nan, np.float32)
        for begin, end, which in shown:
            _fill(store, session_id, fit, out[begin - first : end - first], begin, end, which)
        if np.isfinite(out).any():
            begins, ends = fit.time([first, last])
            rate = (last - first) / float(ends - begins)
            channels = tuple(((begin - first) / rate, which) for begin, _, which in shown)
            return EcgWindow(float(begins), rate, channels, out)
    return None


def _within(told: list[tuple[int, int]], first: int, last: int) -> list[tuple[int, int, int]]:
    """(first, stop, channel) of the stretches that meet first..last."""
    ends = [begin for begin, _ in told[1:]] + [last]
    cut = [
        (max(first, begin), min(last, end), which)
        for (begin, which), end in zip(told, ends, strict=True)
    ]
    return [(begin, end, which) for begin, end, which in cut if begin < end]


def _fill(
    store: Store,
    session_id: int,
    fit: ClockFit,
    out: npt.NDArray[np.float32],
    first: int,
    stop: int,
    channel: int,
) -> None:
    """Put what the store has of a channel's samples first..stop into `out`."""
    for run in store.ecg(session_id, channel=channel, start=max(first, 0), stop=max(stop, 0)):
        if (run.boot, run.journal) != (fit.device_boot, fit.journal):
            continue
        a, b = max(first, run.first_sample), min(stop, run.stop)
        if b > a:
            part = run.microvolts[a - run.first_sample : b - run.first_sample]
            out[a - first : b - first] = part
