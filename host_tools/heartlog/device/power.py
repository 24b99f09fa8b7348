"""What each board draws and how long a cell lasts: `python -m heartlog.device.power`.

Three kinds of figures go into it, and the table keeps them apart. Measured on models: how often
radio and flash work (`duty`, on the virtual board) and how busy the processor is (`make emulate`,
on an emulated RP2040 with a real MicroPython). Currents: each in a board's `board.json` says what
it is (data sheet, measured by others, estimated) and where it comes from. Calculated: the rest.
No Heartlog board has been on an ammeter yet.

    budget(load_board("pico_w")).hours
"""

import sys
import textwrap
from dataclasses import dataclass

from heartlog.device.duty import Duty
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
# Measured: sampler (interrupt), registers compared every quarter of a second, and detector kept an
# emulated RP2040 at 125 MHz busy for 9.6 % of the time at 250 samples/s, resting as the loop does;
# 3.1 % of it went to rests and USB alone.
RATE = 250
CYCLES_A_SAMPLE = (0.096 - 0.031) * 125e6 / RATE
# Measured on the virtual board (`python -m heartlog.device.duty`); a test counts
# the worn state again, the others are counted by hand.
WORN = Duty(advertising=3.92, events=0, notifications=0, octets=0, programs=466, erases=4)
CONNECTED = Duty(0, events=66.7, notifications=1.57, octets=42, programs=417, erases=4)
LIVE = Duty(0, events=66.7, notifications=3.68, octets=493, programs=480, erases=4)

# What one of them takes of the radio, in seconds at 1 Mbit/s (Bluetooth Core, volume 6, part B):
# an advertising event sends 47 octets on three channels and listens 0.33 ms after each; a
# connection event is two empty packets of 80 us, 150 us between them, and 200 us of early waking
# and clock error; a notification adds the packet's own octets, an empty answer and two pauses.
ADVERTISING_S = 3 * (47 * 8e-6 + 330e-6)
EVENT_S = 2 * 80e-6 + 150e-6 + 200e-6
NOTIFICATION_S = 14 * 8e-6 + 80e-6 + 2 * 150e-6
OCTET_S = 8e-6
# Winbond W25Q16JV, table 9.6: 0.4 ms to program a page, 45 ms to erase a block of 4 KiB.
PROGRAM_S, ERASE_S = 0.0004, 0.045


def radio_share(duty: Duty) -> float:
    """The part of time in which the radio sends or listens."""
    return (
        duty.advertising * ADVERTISING_S
        + duty.events * EVENT_S
        + duty.notifications * NOTIFICATION_S
        + duty.octets * OCTET_S
    )


def flash_share(duty: Duty) -> float:
    """The part of time in which flash programs or erases."""
    return (duty.programs * PROGRAM_S + duty.erases * ERASE_S) / 3600


@dataclass(frozen=True)
class Budget:
    """Average currents in mA from the cell's side of the regulator, and hours on a 500 mAh cell.

    `processor_share` is the calculated part of time in which the processor works.
    """

    board: str
    processor_share: float
    worn_ma: float
    connected_ma: float
    live_ma: float
    kinds: tuple[str, ...]

    @property
    def hours(self) -> float:
        """Hours of wear without a host."""
        return CELL_MAH * USABLE / self.worn_ma

    @property
    def hours_connected(self) -> float:
        """Hours with a host that takes the records all the time."""
        return CELL_MAH * USABLE / self.connected_ma

    @property
    def hours_live(self) -> float:
        """Hours with a host that takes the ECG, too."""
        return CELL_MAH * USABLE / self.live_ma


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
    base = share * current["run"] + (1 - share) * current["idle"] + FRONT_END_MA

    def drawn(duty: Duty) -> float:
        return base + flash_share(duty) * current["flash"] + radio_share(duty) * current["radio"]

    kinds = tuple(sorted({str(state["kind"]) for state in states.values()}))
    return Budget(board.name, share, drawn(WORN), drawn(CONNECTED), drawn(LIVE), kinds)


def _wrapped(words: str, indent: str) -> list[str]:
    return textwrap.wrap(words, 80, subsequent_indent=indent)


def report(boards: list[Board]) -> str:
    """The budgets as a table, and what they stand on."""
    lines = [
        f"Currents calculated for a {CELL_MAH} mAh cell, {USABLE:.0%} of it usable: not measured.",
        "Measured on models: the processor's share (emulated RP2040, by clock for the",
        "others), what radio and flash do (virtual board).",
        "",
        f"Radio: worn {radio_share(WORN):.2%} of the time, connected {radio_share(CONNECTED):.2%},"
        f" with live ECG {radio_share(LIVE):.2%}.",
        f"Flash: {WORN.programs:.0f} pages and {WORN.erases:.0f} erases an hour,"
        f" {flash_share(WORN):.4%} of the time.",
        "",
        f"{'BOARD':20} {'BUSY':>6} {'WORN':>8} {'HOURS':>5} {'CONNECTED':>9} {'HOURS':>5}"
        f" {'LIVE':>8} {'HOURS':>5}",
    ]
    for board in boards:
        b = budget(board)
        lines.append(
            f"{b.board:20} {b.processor_share:>6.1%} {b.worn_ma:>5.1f} mA {b.hours:>5.0f}"
            f" {b.connected_ma:>6.1f} mA {b.hours_connected:>5.0f}"
            f" {b.live_ma:>5.1f} mA {b.hours_live:>5.0f}"
        )
    for board in boards:
        lines += ["", *_wrapped(f"{board.name}: {board.power['sleep']}", "  ")]
        for name, state in board.power["states"].items():
            words = f"  {name:6} {state['ma']:>6} mA  {state['kind']}: {state['source']}"
            lines += _wrapped(words, " " * 20)
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
