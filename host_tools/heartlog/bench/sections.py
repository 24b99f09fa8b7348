"""The table of all sections: add a line here, and `make bench` has it.

A line names the module and the function that measures; it is imported only when the section is
run. The function takes a `Context` and yields lines of text:

    Section("radio", "heartlog.bench.radio:measure", "Notifications a second", TIMED)
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

DETERMINISTIC, TIMED = "deterministic", "timed"


class Context(NamedTuple):
    """What a section may use: the folder of HEARTLOG_ECG, and one for plots; None: not given."""

    ecg: Path | None
    plots: Path | None


class Section(NamedTuple):
    """One section of the bench."""

    name: str
    target: str
    """`module:function`, called with a Context, yields lines."""
    title: str
    kind: str
    """DETERMINISTIC or TIMED."""

    def run(self, context: Context) -> Iterator[str]:
        """Measures; yields lines as they come."""
        module, _, function = self.target.partition(":")
        lines: Iterator[str] = getattr(importlib.import_module(module), function)(context)
        return lines


SECTIONS: tuple[Section, ...] = (
    Section(
        "cost",
        "heartlog.bench.detector:cost",
        "What the detector costs: machine code executed for each sample",
        DETERMINISTIC,
    ),
    Section(
        "sampling",
        "heartlog.bench.sampling:cost",
        "What a frame of the front end costs on its way to the detector",
        DETERMINISTIC,
    ),
    Section(
        "accuracy",
        "heartlog.bench.accuracy:detectors",
        "Missed and false beats on the MIT-BIH database, beside other detectors",
        DETERMINISTIC,
    ),
    Section(
        "rates",
        "heartlog.bench.detector:rates",
        "The detector at its other rates, and on the second channel",
        DETERMINISTIC,
    ),
    Section(
        "noise",
        "heartlog.bench.accuracy:noise_stress",
        "Missed and false beats under noise, beside other detectors",
        DETERMINISTIC,
    ),
    Section(
        "memory",
        "heartlog.bench.virtual:memory",
        "The firmware's heap over an hour of wear on the virtual board",
        DETERMINISTIC,
    ),
    Section(
        "journal",
        "heartlog.bench.journal:capacity",
        "Nothing lost: bytes of flash a beat takes, and days of wear",
        DETERMINISTIC,
    ),
    Section(
        "cuts",
        "heartlog.bench.journal:endured",
        "Nothing lost: power cuts, damaged flash, random bytes",
        DETERMINISTIC,
    ),
    Section(
        "wear",
        "heartlog.bench.journal:wear",
        "Nothing lost: a day of wear, every record compared",
        DETERMINISTIC,
    ),
    Section(
        "security",
        "heartlog.bench.security:cost",
        "What encryption costs: bytes and machine code",
        DETERMINISTIC,
    ),
    Section(
        "virtual",
        "heartlog.bench.virtual:speed",
        "Speed of the virtual board with the whole firmware",
        TIMED,
    ),
    Section(
        "clinic",
        "heartlog.bench.clinic:scale",
        "A 14-day session opened and reported, ten thousand patients listed and searched",
        TIMED,
    ),
    Section(
        "archive",
        "heartlog.bench.clinic:archive",
        "An archive analysed anew by Dask over worker processes",
        TIMED,
    ),
    Section(
        "latency",
        "heartlog.bench.path:latency",
        "From the R peak at the electrodes to the notification at the host, in real time",
        TIMED,
    ),
    Section(
        "path",
        "heartlog.bench.path:throughput",
        "What the link carries while a backlog is fetched",
        TIMED,
    ),
    Section(
        "whole-ecg",
        "heartlog.bench.whole_ecg:measure",
        "The whole ECG: what it takes on a card, how fast it is fetched",
        TIMED,
    ),
    Section(
        "speed",
        "heartlog.bench.detector:speed",
        "Speed of the evaluation",
        TIMED,
    ),
    Section(
        "sealing",
        "heartlog.bench.security:times",
        "What encryption costs: times as ratios",
        TIMED,
    ),
    Section(
        "sealed-link",
        "heartlog.bench.sealed_link:measure",
        "Connection set-up and latency, in clear and sealed",
        TIMED,
    ),
    Section(
        "torture",
        "heartlog.bench.lossless:rounds",
        "Torture from the firmware to the store: rounds, disconnections, records",
        TIMED,
    ),
    Section(
        "fuzz",
        "heartlog.bench.lossless:inputs",
        "Bytes that no honest peer sends, tried on both sides",
        TIMED,
    ),
)
