"""The piece of a session's ECG that is worth a look: around an event, or the middle of a run.

strip = sample_strip(store, overview)      # None if the session keeps no ECG
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from heartlog.overview import Overview

if TYPE_CHECKING:
    from heartlog.store import Store
    from heartlog.store.ecg import EcgRun

STRIP_SECONDS = 8.0


@dataclass(frozen=True)
class Strip:
    """A piece of ECG: microvolts at `rate` samples/s from UNIX time `start`."""

    start: float
    rate: float
    microvolts: npt.NDArray[np.float32]
    title: str

    @property
    def stop(self) -> float:
        return self.start + len(self.microvolts) / self.rate


def sample_strip(store: Store, overview: Overview) -> Strip | None:
    """The piece of ECG to show: around the first event if it was kept, else the first there is."""
    line = store.timeline(overview.session.id)
    runs = [r for r in store.ecg(overview.session.id) if len(r.codes) >= r.rate * 3]
    if not runs:
        return None
    placed = [(run, _start(line, run)) for run in runs]
    for mark, name in overview.marks:
        for run, start in placed:
            if start <= mark <= start + len(run.codes) / run.rate:
                return _cut(run, start, mark - STRIP_SECONDS / 2, name)
    run, start = placed[0]
    return _cut(run, start, start + len(run.codes) / run.rate / 2 - STRIP_SECONDS / 2, "")


def _start(line: Any, run: EcgRun) -> float:
    fit = line.fit_for(run.boot, run.journal) or line.fits[0]
    return float(fit.time(run.first_sample))


def _cut(run: EcgRun, start: float, at: float, name: str) -> Strip:
    count = min(len(run.codes), round(STRIP_SECONDS * run.rate))
    first = min(max(0, round((at - start) * run.rate)), len(run.codes) - count)
    title = f"ECG around the event “{name}”" if name else "ECG sample"
    return Strip(start + first / run.rate, run.rate, run.microvolts[first : first + count], title)
