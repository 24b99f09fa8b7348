"""Accuracy beside other detectors: the same records, the same scorer, the same run."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from heartlog.bench.peers import PEERS, Peer
from heartlog.bench.sections import Context
from heartlog.evaluation.board import Board
from heartlog.evaluation.evaluate import WORKERS, Result, Total, evaluate_all
from heartlog.evaluation.noise import stress
from heartlog.evaluation.records import Recording, find, read
from heartlog.evaluation.report import summary
from heartlog.evaluation.score import Counts, Score, score

WORST = 6
"""Records to list, and to plot."""
NO_ECG = "not measured: HEARTLOG_ECG names no folder with mitdb/ and nstdb/ (see the README)"


def database(folder: Path, channel: int = 0) -> list[Recording]:
    """The records of the MIT-BIH Arrhythmia Database."""
    return [read(source, channel) for source in find([], folder / "mitdb")]


def stressed(folder: Path) -> list[Recording]:
    """The twelve noise-stress records: 118 and 119 with electrode motion at six ratios."""
    noise = folder / "nstdb" / "em"
    sources = find(["118", "119"], folder / "mitdb")
    return [record for source in sources for record in stress(read(source), noise, 0)]


def detectors(context: Context) -> Iterator[str]:
    """All 48 records."""
    if context.ecg is None:
        yield NO_ECG
        return
    yield from _compare(database(context.ecg), context.plots)


def noise_stress(context: Context) -> Iterator[str]:
    """The twelve noise-stress records."""
    if context.ecg is None:
        yield NO_ECG
        return
    yield from _compare(stressed(context.ecg), None)


def _compare(recordings: Sequence[Recording], plots: Path | None) -> Iterator[str]:
    with Board() as board:
        results = list(evaluate_all(board, recordings, 250))
    total = Total()
    for result in results:
        total.add(result)
    yield f"{'':<34}{'Se %':>8}{'PPV %':>8}{'F1 %':>8}{'missed':>8}{'false':>8}{'sum':>8}"
    yield line("Heartlog (real time, integers)", total.counts)
    yield from _peers(recordings)
    yield ""
    yield from summary(total)
    worst = sorted(results, key=_errors, reverse=True)[:WORST]
    named = ", ".join(f"{r.recording.name} {_errors(r)}" for r in worst)
    yield f"Most errors (missed + false): {named}"
    if plots is not None:
        from heartlog.bench.plots import plot_errors

        for result in worst:
            yield f"drawn: {plot_errors(result, plots)}"


def line(name: str, counts: Counts) -> str:
    """One row of the table."""
    se, ppv = counts.se or 0.0, counts.ppv or 0.0
    f1 = 2 * se * ppv / (se + ppv) if se + ppv else 0.0
    return (
        f"{name:<34}{se:>8.2f}{ppv:>8.2f}{f1:>8.2f}{counts.fn:>8}{counts.fp:>8}"
        f"{counts.fn + counts.fp:>8}"
    )


def _errors(result: Result) -> int:
    return result.score.fp + result.score.fn if result.score else 0


def _peers(recordings: Sequence[Recording]) -> Iterator[str]:
    present = [i for i, peer in enumerate(PEERS) if not peer.missing]
    absent = [peer for peer in PEERS if peer.missing]
    with ProcessPoolExecutor(WORKERS) as pool:
        for number in present:
            counts, peer = Counts(), PEERS[number]
            _progress(f"{peer.name} ...")
            for scored in pool.map(_score_peer, [number] * len(recordings), recordings):
                counts.add(scored)
            yield line(peer.name, counts)
    _progress("")
    for peer in absent:
        yield f'{peer.name:<34}not installed: pip install "heartlog[bench]"'


def _score_peer(number: int, recording: Recording) -> Score:
    peer: Peer = PEERS[number]
    if recording.reference is None:
        raise ValueError(f"{recording.name} has no reference")
    beats = peer.detect(recording.millivolts, recording.fs)
    return score(recording.reference, beats, recording.fs)


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()
