"""What a board is, read from its `boards/NAME/board.json`.

    board = load_board("pico_w")
    board.arch, board.pins[0].at, board.slots

The file's shape is `boards/schema/board.schema.json`; the tests hold every board to it. Here each
value is checked for what it is used for, so that a board in the making gets a sentence that names
the missing key.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from heartlog.errors import CommandError, NotFound
from heartlog.image.contents import given
from heartlog.image.places import board_names, boards_dir


@dataclass(frozen=True)
class Pin:
    """One wire: the firmware's name for it, machine.Pin's, the place on the board, the far end."""

    name: str
    pin: int | str
    at: str
    to: str


@dataclass(frozen=True)
class Supply:
    """One supply wire: the net, where it is on the board, what it feeds."""

    net: str
    at: str
    to: str


@dataclass(frozen=True)
class Rail:
    """One voltage that the production rig measures, with the limits in mV that it must keep.

    `chip` is the I2C address of the ADS1115, `divider` the volts at the rail for one at the ADC.
    """

    name: str
    chip: int
    channel: int
    divider: float
    least_mv: int
    most_mv: int
    why: str


@dataclass(frozen=True)
class Official:
    """An official MicroPython file by name, its SHA-256, and how many published that hash."""

    file: str
    sha256: str
    seen_by: int


@dataclass(frozen=True)
class Board:
    """A board, as its description tells."""

    name: str
    title: str
    mcu: str
    arch: str
    port: str
    build: str
    machine: str
    least: tuple[int, ...]
    official: Official | None
    install: dict[str, Any]
    root: str
    slots: int
    flash_kib: int
    filesystem_kib: int
    slot_kib: int
    journal_kib: int
    lent: bool
    """Whether the journal has the room of a second image but during an update."""
    strips: bool
    """Whether the journal's flash keeps ECG, too (STRIPS in board.py)."""
    frozen: dict[str, Any]
    """`journal_kib`, and `board`'s constants, of a build that has the monitor frozen in."""
    prepare: tuple[str, ...]
    stack: str
    pairing: bool
    ble_can: tuple[str, ...]
    ble_cannot: tuple[str, ...]
    sampler: dict[str, Any]
    pins: tuple[Pin, ...]
    supply: tuple[Supply, ...]
    rails: tuple[Rail, ...]
    power: dict[str, Any]
    limits: tuple[str, ...]

    @property
    def least_text(self) -> str:
        """The oldest MicroPython that will do, as people write it."""
        return ".".join(str(part) for part in self.least)


def read_description(name: str) -> dict[str, Any]:
    """The contents of `boards/NAME/board.json`, unchecked.

    Raises:
        NotFound: there is no such board.
        CommandError: its description is not a JSON object.
    """
    if name not in board_names():
        raise NotFound(
            f"There is no board called {name!r}.",
            f"The boards are: {', '.join(board_names())}. `make boards` tells about them.",
        )
    path = boards_dir() / name / "board.json"
    try:
        described = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CommandError(f"{path} is not JSON: {error}.", "Mend the description.") from error
    if not isinstance(described, dict):
        raise CommandError(f"{path} is not a JSON object.", "Mend the board's description.")
    return described


def load_board(name: str) -> Board:
    """The board called `name`.

    Raises:
        NotFound: there is no such board.
        CommandError: a key is missing from its description, or has a value of the wrong kind.
    """
    told = read_description(name)
    path = boards_dir() / name / "board.json"
    try:
        return _board(told)
    except KeyError as error:
        raise CommandError(
            f"{path} lacks the key {error}.",
            f"Add it; {boards_dir() / 'schema' / 'board.schema.json'} says what it holds.",
        ) from error
    except (TypeError, ValueError) as error:
        raise CommandError(
            f"{path} has a value that can't be used: {error}.",
            f"{boards_dir() / 'schema' / 'board.schema.json'} says what it must be.",
        ) from error


def _board(told: dict[str, Any]) -> Board:
    python, flash, ble = told["micropython"], told["flash"], told["ble"]
    return Board(
        name=str(told["name"]),
        title=str(told["title"]),
        mcu=str(told["mcu"]),
        arch=str(told["arch"]),
        port=str(python["port"]),
        build=str(python["board"]),
        machine=str(python["machine"]),
        least=tuple(int(part) for part in str(python["least"]).split(".")),
        official=Official(**python["official"]) if "official" in python else None,
        install=dict(python["install"]),
        root=str(told["root"]),
        slots=int(flash["slots"]),
        flash_kib=int(flash["total_kib"]),
        filesystem_kib=int(flash["filesystem_kib"]),
        slot_kib=int(flash["slot_kib"]),
        journal_kib=int(flash["journal_kib"]),
        lent=flash.get("second_slot") == "lent",
        strips=given(boards_dir() / str(told["name"]) / "board.py").get("STRIPS") is not False,
        frozen=dict(flash.get("frozen", {})),
        prepare=tuple(str(line) for line in flash.get("prepare", ())),
        stack=str(ble["stack"]),
        pairing=bool(ble["pairing"]),
        ble_can=tuple(str(text) for text in ble["can"]),
        ble_cannot=tuple(str(text) for text in ble["cannot"]),
        sampler=dict(told["sampler"]),
        pins=tuple(Pin(**pin) for pin in told["pins"]),
        supply=tuple(Supply(**wire) for wire in told["supply"]),
        rails=tuple(Rail(**rail) for rail in told.get("rig", {"rails": ()})["rails"]),
        power=dict(told.get("power", {})),
        limits=tuple(str(text) for text in told["limits"]),
    )


def board_folder(name: str) -> Path:
    """The board's folder."""
    return boards_dir() / name
