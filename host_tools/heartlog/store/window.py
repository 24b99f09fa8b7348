"""ECG by wall time: what the store holds between two moments, holes left as holes.

window = ecg_window(store, session_id, timeline, at - 3.5, at + 3.5)
window.microvolts        # NaN where there is nothing
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from heartlog.store.clockfit import ClockFit
from heartlog.store.reading import Timeline
from heartlog.store.store import Store


@dataclass(frozen=True, slots=True)
class EcgWindow:
    """A stretch of one channel: `microvolts[i]` at `start + i / rate` (UNIX seconds)."""

    start: float
    rate: float
    channel: int
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
    channel: int = 1,
) -> EcgWindow | None:
    """Return the ECG from `start` to `stop` (UNIX seconds), None where there is none at all."""
    for fit in timeline.fits:
        window = _in_boot(store, session_id, fit, start, stop, channel)
        if window is not None:
            return window
    return None


def _in_boot(
    store: Store, session_id: int, fit: ClockFit, start: float, stop: float, channel: int
) -> EcgWindow | None:
    first = fit.index0 + round((start - fit.origin) * fit.rate)
    last = fit.index0 + round((stop - fit.origin) * fit.rate)
    if last <= 0:
        return None
    runs = [
        run
        for run in store.ecg(session_id, channel=channel, start=max(first, 0), stop=last)
        if (run.boot, run.journal) == (fit.device_boot, fit.journal)
    ]
    if not runs:
        return None
    out = np.full(max(0, last - first), np.nan, np.float32)
    for run in runs:
        a, b = max(first, run.first_sample), min(last, run.stop)
        if b > a:
            part = run.microvolts[a - run.first_sample : b - run.first_sample]
            out[a - first : b - first] = part
    if not np.isfinite(out).any():
        return None
    return EcgWindow(float(fit.time(first)), fit.rate, channel, out)
