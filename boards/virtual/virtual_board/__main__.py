"""`python -m virtual_board`: a board on this computer, until Ctrl-C."""

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from heartlog.errors import CommandError, explain
from virtual_board.launcher import Board
from virtual_board.settings import PARTS, STACKS, default_run_dir


def parser() -> argparse.ArgumentParser:
    """The command line; options are named after the fields of `Settings`."""
    made = argparse.ArgumentParser(
        prog="python -m virtual_board",
        description="Runs the firmware on a virtual board; heartlog --backend virtual reaches it.",
    )
    add = made.add_argument
    add("--record", default="demo", help="WFDB record to play, 'demo' (default) or 'flat'")
    add("--loop", action="store_true", help="play the record again and again")
    add("--hold", action="store_true", help="play it only when told to over the control socket")
    add("--speed", type=float, default=1.0, help="times real time; 0: as fast as it can")
    add("--bulk", action="store_true", help="days in minutes: see README.md")
    add("--cpu", type=float, default=0.0, help="how many times slower than this computer it is")
    add("--part", default="ADS1292R", help=f"front end: {', '.join(PARTS)}, or none")
    add("--stack", default="nimble", choices=STACKS, help="character of the Bluetooth stack")
    add("--image", type=Path, help="firmware image folder (default: build the firmware's)")
    add("--run-dir", type=Path, default=default_run_dir(), help="flash, logs, clock, board.json")
    add("--card", type=int, default=0, metavar="MIB", help="fit a memory card for whole ECG")
    add("--fresh", action="store_true", help="begin with an erased flash, and card")
    add("--unique", type=bytes.fromhex, default=b"", help="the board's id, 16 hex digits")
    add("--battery-mv", type=int, default=3900, help="the cell's voltage")
    add("--console", action="store_true", help="its REPL on a serial port, as on USB")
    add("--ticks-ms", type=int, default=0, help="where time.ticks_ms starts (wraps at 2^30)")
    add("--seed", type=int, default=1, help="of what is random in the models")
    add("--hci-port", type=int, default=0, help="TCP port for hosts' Bluetooth stacks")
    add("--control-port", type=int, default=0, help="TCP port of the control socket")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    chosen: dict[str, Any] = vars(parser().parse_args(arguments))
    if chosen["part"] == "none":
        chosen["part"] = None
    chosen["card_bytes"] = chosen.pop("card") << 20
    try:
        if chosen.pop("fresh"):
            for name in ("flash.bin", "flash.bin.wear", "card.img"):
                (chosen["run_dir"] / name).unlink(missing_ok=True)
        with Board(**chosen) as board:
            return _watch(board)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        told = explain(error)
        if told is None:
            raise
        print(told.message, file=sys.stderr)
        if told.hint:
            print(told.hint, file=sys.stderr)
        return int(told.exit_code)


def _watch(board: Board) -> int:
    """Print what happens until Ctrl-C; returns 1 if the board objected to its firmware."""
    try:
        _show(board)
    except KeyboardInterrupt:
        print()
    if board.failure is not None:
        raise board.failure
    if board.complaints:
        raise CommandError(
            f"The board's parts objected {len(board.complaints)} times, first:"
            f" {board.complaints[0]}",
            "A real board would have misbehaved there.",
        )
    return 0


def _show(board: Board) -> None:
    print(f"The board runs in {board.run_dir}")
    print(f"  radio    {board.description['hci']}")
    print(f"  control  {board.description['control']}")
    if board.description["console"]:
        print(f"  console  {board.description['console']}")
    print("Reach it with: heartlog scan --backend virtual (Ctrl-C ends it)", flush=True)
    shown = 0
    log_at = board.log_size_before
    log = board.run_dir / "board.log"
    while board.running:
        with log.open("rb") as f:
            f.seek(log_at)
            text = f.read()
        log_at += len(text)
        sys.stdout.write(text.decode(errors="replace"))
        for event in board.events[shown:]:
            print(f"[board] {event}")
            shown += 1
        sys.stdout.flush()
        time.sleep(0.2)


if __name__ == "__main__":
    sys.exit(main())
