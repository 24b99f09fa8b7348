"""`python -m heartlog.emulate --uf2 FILE`: the firmware's samplers on an emulated RP2040.

Boots the MicroPython image that the user gives (none is shipped), puts the board's precompiled
firmware on it, wires the front end's model to its pins, plays a real ECG, and prints what came
through: samples delivered and lost, processor load, the time from DRDY to the first clock, and
whether the beats are those that the same detector finds on this computer. Ctrl-C ends it with the
figures so far.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from heartlog.cli.output import REPORT_SECONDS, err
from heartlog.cli.working import working
from heartlog.emulate.samplers import Run
from heartlog.errors import CommandError
from heartlog.evaluation.signal import RATES

INTERRUPTED = 130  # as the shell tells it


def measure(run: Run, name: str, seconds: int) -> dict[str, object]:
    """Runs one sampler, and shows on stderr how far it is; -> its figures."""
    with working(f"{name} sampler") as bar:
        return asyncio.run(run.go(_progress(bar, name, seconds)))


def _progress(
    bar: Callable[[str, float], None], name: str, seconds: int
) -> Callable[[float], None]:
    told = time.monotonic()

    def tell(passed: float) -> None:
        nonlocal told
        text = f"{passed:.0f} of {seconds} s"
        bar(text, passed / seconds)
        if not err().is_terminal and time.monotonic() - told > REPORT_SECONDS:
            told = time.monotonic()
            print(f"{name} sampler: {text}", file=sys.stderr, flush=True)

    return tell


def failed(figures: dict[str, object]) -> bool:
    """Whether anything was lost, read too late or done to the front end against its data sheet,
    or the detector found other beats than on this computer."""
    never = ("lost", "overruns", "unread", "faults", "beats_that_differ_from_this_computers")
    return bool(figures["complaints"]) or any(figures[name] for name in never)


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m heartlog.emulate", description=__doc__)
    parser.add_argument("--uf2", type=Path, help="a MicroPython image for the board")
    parser.add_argument("--board", default="pico_w")
    parser.add_argument("--rate", type=int, choices=RATES, default=500, help="samples/s")
    parser.add_argument("--seconds", type=int, default=300, help="of emulated time")
    parser.add_argument("--sampler", choices=("interrupt", "pio", "both"), default="both")
    chosen = parser.parse_args(arguments)
    if chosen.seconds < 1:
        parser.error(f"--seconds must be 1 or more, not {chosen.seconds}")
    status = 0
    try:
        if chosen.uf2 is None or not chosen.uf2.is_file():
            raise CommandError(
                f"There is no file {chosen.uf2}."
                if chosen.uf2
                else "No MicroPython image was given, and none is shipped.",
                "Download one for the board from micropython.org and give its path: "
                f"make emulate BOARD={chosen.board} UF2=path/to.uf2",
            )
        names = ("interrupt", "pio") if chosen.sampler == "both" else (chosen.sampler,)
        for name in names:
            run = Run(chosen.uf2, chosen.board, chosen.rate, chosen.seconds, name == "pio")
            figures = measure(run, name, chosen.seconds)
            print(json.dumps(figures, indent=2), flush=True)
            if failed(figures):
                status = 1
            if figures["interrupted"]:
                return INTERRUPTED
    except KeyboardInterrupt:
        print("Stopped before there were any figures.", file=sys.stderr)
        return INTERRUPTED
    except CommandError as error:
        print(f"{error}", file=sys.stderr)
        if error.hint:
            print(error.hint, file=sys.stderr)
        return error.exit_code
    return status


if __name__ == "__main__":
    sys.exit(main())
