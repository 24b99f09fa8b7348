"""What each board draws and how long a cell lasts: `python -m heartlog.device.power`.

Nothing here was measured on a Heartlog board. Each current in a board's `board.json` says what it
is (data sheet, measured by others, estimated) and where it comes from; the shares of time are
calculated from the work that the firmware does, counted in the boards' own instructions by the
tests of its machine code.

    budget(load_board("pico_w")).hours
"""

import sys
from dataclasses import dataclass

from heartlog.errors import CommandError
from heartlog.image.board import Board
from heartlog.image.boards import real_boards

CELL_MAH = 500
# Of a lithium polymer cell's charge, what is above 3.3 V at some twentieths of its capacity an
# hour: the last tenth is below, and some goes to ageing.
USABLE = 0.85

# The front end: ADS1292R, 335 uW a channel (SBAS502, features), two channels at 3.3 V, and the
# same again for reference buffer, right-leg drive and lead-off, which that figure leaves out.
FRONT_END_MA = 4 * 0.335 / 3.3
# Reading a frame in a hard interrupt took 74 us on an emulated RP2040 at 125 MHz, 9250 cycles; the
# detector takes 720 at the most (the ratchet of its tests, Thumb-1). Journal and link come on top
# by the beat and by the second, not by the sample: little, and left out.
CYCLES_A_SAMPLE = 9250 + 720
RATE = 250
# One advertisement a second on three channels, 0.4 ms each with its listening; one connection
# event of 1 ms every 100 ms.
ADVERTISING_SHARE = 3 * 0.0004
CONNECTED_SHARE = 0.001 / 0.1
# The journal programs once in 9 s (0.4 ms), and erases a block of 4096 bytes (45 ms) each half
# hour: 75 beats a minute of 1.8 bytes (Winbond W25Q16JV, table 9.6).
FLASH_SHARE = 0.0004 / 9 + 0.045 / 1800


@dataclass(frozen=True)
class Budget:
    """Average currents in mA from the cell's side of the regulator, and hours on a 500 mAh cell.

    `processor_share` is the calculated part of time in which the processor works.
    """

    board: str
    processor_share: float
    worn_ma: float
    connected_ma: float
    kinds: tuple[str, ...]

    @property
    def hours(self) -> float:
        """Hours of wear without a host."""
        return CELL_MAH * USABLE / self.worn_ma

    @property
    def hours_connected(self) -> float:
        """Hours with a host that listens all the time."""
        return CELL_MAH * USABLE / self.connected_ma


def budget(board: Board) -> Budget:
    """The budget of one board.

    Raises:
        CommandError: its description names no currents.
    """
    states = board.power.get("states")
    if not states:
        raise CommandError(
            f"boards/{board.name}/board.json has no power section.", "Add it; see the schema."
        )
    current = {name: float(state["ma"]) for name, state in states.items()}
    share = CYCLES_A_SAMPLE * RATE / (float(board.power["clock_mhz"]) * 1e6)
    base = (
        share * current["run"]
        + (1 - share) * current["idle"]
        + FRONT_END_MA
        + FLASH_SHARE * current["flash"]
    )
    kinds = tuple(sorted({str(state["kind"]) for state in states.values()}))
    return Budget(
        board.name,
        share,
        base + ADVERTISING_SHARE * current["radio"],
        base + CONNECTED_SHARE * current["radio"],
        kinds,
    )


def report(boards: list[Board]) -> str:
    """The budgets as a table, and what they stand on."""
    lines = [
        f"Calculated for a {CELL_MAH} mAh cell, {USABLE:.0%} of it usable; not measured.",
        "",
        f"{'BOARD':20} {'PROCESSOR':>9} {'WORN':>9} {'HOURS':>6} {'CONNECTED':>10} {'HOURS':>6}",
    ]
    for board in boards:
        b = budget(board)
        lines.append(
            f"{b.board:20} {b.processor_share:>8.2%} {b.worn_ma:>6.1f} mA {b.hours:>6.0f}"
            f" {b.connected_ma:>7.1f} mA {b.hours_connected:>6.0f}"
        )
    for board in boards:
        lines += ["", f"{board.name}: {board.power['sleep']}"]
        for name, state in board.power["states"].items():
            lines.append(f"  {name:6} {state['ma']:>6} mA  {state['kind']}: {state['source']}")
    return "\n".join(lines)


def main() -> int:
    """Entry point; returns the exit status."""
    try:
        print(report(real_boards()))
    except CommandError as error:
        print(f"{error}\n{error.hint}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
