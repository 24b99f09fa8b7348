"""Pictures of errors: where a detector missed a beat or found one too many, peaks marked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heartlog.evaluation.evaluate import Result

STRIPS, STRIP_S = 8, 8.0


def plot_errors(result: Result, folder: Path) -> Path:
    """Draws the strips of a record with the most errors into RECORD.png; returns the file.

    Strips are 8 s long, mV against minutes and seconds. Grey triangles are reference beats with
    their symbols, green dots beats found, red crosses false ones, orange circles missed ones.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    recording, scored = result.recording, result.score
    if scored is None:
        raise ValueError(f"{recording.name} has no reference to show errors against")
    missed, false = scored.beats[scored.missed], result.peaks[scored.extra]
    starts = worst_strips(np.concatenate([missed, false]), int(STRIP_S * recording.fs))
    figure = Figure(figsize=(15, 1.7 * max(1, len(starts)) + 0.8), layout="constrained")
    FigureCanvasAgg(figure)
    with mpl.rc_context({"font.size": 8}):
        axes = figure.subplots(max(1, len(starts)), 1, squeeze=False)[:, 0]
        for axis, start in zip(axes, starts, strict=False):
            _strip(axis, result, start, missed, false)
        figure.suptitle(
            f"{recording.name} {recording.lead}: {len(missed)} missed (orange), "
            f"{len(false)} false (red) of {len(scored.beats)} beats"
        )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{recording.name}.png"
    figure.savefig(path, dpi=110)
    return path


def worst_strips(errors: NDArray[np.int64], length: int) -> list[int]:
    """First samples of the strips that hold the most errors, in the order of time."""
    if not len(errors):
        return []
    strips, counts = np.unique(errors // length, return_counts=True)
    most = strips[np.argsort(-counts, kind="stable")][:STRIPS]
    return [int(strip) * length for strip in np.sort(most)]


def _strip(
    axis: Any, result: Result, start: int, missed: NDArray[np.int64], false: NDArray[np.int64]
) -> None:
    recording, scored = result.recording, result.score
    assert scored is not None
    end = min(start + int(STRIP_S * recording.fs), len(recording.millivolts))
    values = recording.millivolts[start:end]
    seconds = np.arange(start, end) / recording.fs
    axis.plot(seconds, values, color="0.2", linewidth=0.7)
    top = float(np.nanmax(values)) if np.isfinite(values).any() else 0.0
    for sample, symbol in zip(scored.beats.tolist(), scored.symbols, strict=True):
        if start <= sample < end:
            axis.plot(sample / recording.fs, top, "v", color="0.6", markersize=4)
            axis.annotate(str(symbol), (sample / recording.fs, top), color="0.4", fontsize=7)
    for samples, mark, colour, size in (
        (result.peaks[scored.pairs[:, 1]], ".", "tab:green", 5),
        (false, "x", "tab:red", 9),
        (missed, "o", "tab:orange", 9),
    ):
        inside = samples[(samples >= start) & (samples < end)]
        at = recording.millivolts[inside]
        axis.plot(inside / recording.fs, at, mark, color=colour, markersize=size, fillstyle="none")
    axis.set_xlim(seconds[0], seconds[0] + STRIP_S)
    axis.set_ylabel("mV")
    axis.set_title(f"{int(seconds[0]) // 60}:{int(seconds[0]) % 60:02d}", loc="left", fontsize=8)
