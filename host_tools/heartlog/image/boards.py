"""`python -m heartlog.image.boards`: list the boards; with --write, renew their wiring pages."""

import argparse
import sys

from heartlog.errors import CommandError
from heartlog.image.board import Board, load_board
from heartlog.image.pages import write_pages
from heartlog.image.places import board_names


def listing(boards: list[Board]) -> str:
    """A table of the boards, one line each."""
    rows = [("BOARD", "MCU", "ARCH", "MICROPYTHON", "RADIO", "PAIRING", "DRDY", "SLOTS")]
    for b in boards:
        pairing = "yes" if b.pairing else "own"
        drdy = "interrupt" if b.sampler["drdy"] == "hard_irq" else "scheduled"
        python = f"{b.build} >={b.least_text}"
        rows.append((b.name, b.mcu, b.arch, python, b.stack, pairing, drdy, str(b.slots)))
    wide = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, wide, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)


def real_boards() -> list[Board]:
    """All boards but those that are a program on this computer."""
    return [b for b in map(load_board, board_names()) if b.port != "unix"]


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m heartlog.image.boards", description=__doc__)
    parser.add_argument("--write", action="store_true", help="renew the boards' wiring pages")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.write:
            for board in real_boards():
                write_pages(board)
        print(listing([load_board(name) for name in board_names()]))
    except CommandError as error:
        print(f"{error}\n{error.hint}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
