"""The front end's registers, read by the driver on the board and told by field.

The program that runs on the board is the firmware's own driver: it powers the part up, stops
continuous reading, checks the ID and reads all registers in one command.
"""

import json
from dataclasses import dataclass

from rich.text import Text

from heartlog.cli.output import out, table
from heartlog.device.repl import RemoteError
from heartlog.device.running import Bench
from heartlog.errors import CommandError
from heartlog.image.board import Board

_PROGRAM = """
import board
from monitor.frontends import power_up
a = power_up(board)
print(a.part.name)
print(a.dump())
a.shut_down()
"""


@dataclass(frozen=True)
class Registers:
    """What was read: the part's name, and for each register name, value and fields in words."""

    part: str
    rows: tuple[tuple[str, int, str], ...]


def parse(said: str) -> Registers:
    """Make sense of the driver's dump: the part, then `NAME 0xVALUE field=value ...` lines."""
    part, *lines = said.strip().splitlines()
    rows = []
    for line in lines:
        name, value, *fields = line.split(" ", 2)
        rows.append((name, int(value, 16), fields[0] if fields else ""))
    return Registers(part, tuple(rows))


def read_registers(board: Board, port: str) -> Registers:
    """Read all registers of the front end on the board at `port`.

    Raises:
        CommandError: no firmware on it, or the front end does not answer as it should.
    """
    with Bench(board, port) as bench:
        try:
            return parse(bench.run(_PROGRAM))
        except RemoteError as error:
            words = error.remote.strip().splitlines()[-1]
            raise CommandError(
                f"The front end could not be read: {words}.",
                f"Check its wiring and supply against boards/{board.name}/README.md.",
            ) from error


def dump(registers: Registers, as_json: bool) -> None:
    """Print the registers for a person or, as JSON, for a program."""
    if as_json:
        rows = [{"name": n, "value": v, "fields": f} for n, v, f in registers.rows]
        print(json.dumps({"part": registers.part, "registers": rows}))
        return
    out().print(Text(registers.part))
    rows_ = [(name, f"0x{value:02X}", fields) for name, value, fields in registers.rows]
    out().print(table(["Register", "Value", "Fields"], rows_))
