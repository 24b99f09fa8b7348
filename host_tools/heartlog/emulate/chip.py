"""An emulated RP2040 that boots a user's MicroPython, with files in its flash, wires on its pins.

    async with Chip(uf2, load_board("pico_w"), folder, devices=(device,)) as chip:
        print(await chip.run("print(1 + 1)"))

The emulator is rp2040py. Files go into flash as a littlefs image that MicroPython's unix port
writes, so that nothing has to be typed into the emulated REPL byte by byte.
"""

from __future__ import annotations

import ast
import asyncio
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from heartlog.device.identity import QUESTION, check, understand
from heartlog.device.micropython import check_file
from heartlog.errors import CommandError
from heartlog.evaluation.board import micropython_path
from heartlog.image.board import Board, load_board
from heartlog.image.places import board_names, boards_dir

MCU = "RP2040"
START_S = 180.0  # of real time, for a start that takes an idle computer five
RADIO = "RPI_PICO_W"  # builds that begin so have the radio chip beside the processor
BLOCK = 4096
# The emulated USB host polls every 10 us unless told otherwise: most of the time went there.
POLL_US = 1000
# SPI runs from the USB clock (pico-sdk, runtime_init_clocks.c); the emulator assumes 125 MHz.
PERIPHERAL_HERTZ = 48_000_000


def emulator() -> Any:
    """The package rp2040py.

    Raises:
        CommandError: it is not installed.
    """
    try:
        import rp2040py
        import rp2040py.boards
        import rp2040py.device
        import rp2040py.external.cyw43
    except ImportError:
        raise CommandError(
            "rp2040py, the RP2040 emulator, is not installed.", "pip install rp2040py"
        ) from None
    return rp2040py


def file_system(folder: Path, kib: int) -> bytes:
    """A littlefs of `kib` KiB with the files of a folder.

    Raises:
        CommandError: they don't fit.
    """
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "disk"
        program = boards_dir() / "virtual" / "emulated" / "disk.py"
        heap = f"heapsize={4 * kib}k"
        blocks = str(kib * 1024 // BLOCK)
        done = subprocess.run(
            [micropython_path(), "-X", heap, str(program), str(out), blocks, str(folder)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise CommandError(
                f"The files of {folder} could not be put on the emulated flash: "
                f"{done.stdout.strip()}",
                f"It has {kib} KiB of file system (board.json).",
            )
        return out.read_bytes()


def check_given(uf2: Path, board: Board) -> None:
    """Whether this file can run as this board.

    Raises:
        CommandError: the board has another chip, or the file is not for it.
    """
    if board.mcu != MCU:
        known = ", ".join(name for name in board_names() if load_board(name).mcu == MCU)
        raise CommandError(
            f"The {board.title} has an {board.mcu}, and only the {MCU} can be emulated.",
            f"Boards with one: {known}.",
        )
    check_file(uf2, board, None)


class Chip:
    """`devices` are what rp2040py attaches (`attach(rp)`); `files` a folder that becomes `/`."""

    def __init__(
        self, uf2: Path, board: Board, files: Path | None = None, devices: tuple[Any, ...] = ()
    ):
        check_given(uf2, board)
        self._board = board
        rp2040py = emulator()
        extras = [lambda device=device: device for device in devices]
        if board.build.startswith(RADIO):
            extras.append(rp2040py.external.cyw43.Cyw43439)
        spec = rp2040py.boards.BoardSpec(extras=tuple(extras), image=str(uf2))
        try:
            self.device = rp2040py.device.MicroPythonDevice(board=spec)
        except ValueError as error:
            raise CommandError(
                f"{uf2} is no UF2 file: {error}.",
                f"Give the build {board.build} from micropython.org.",
            ) from error
        self.mcu = self.device.mcu
        self.mcu.usb_ctrl.read_delay_microseconds = POLL_US
        self.mcu.clk_peri = PERIPHERAL_HERTZ
        if files is not None:
            disk = file_system(files, board.filesystem_kib)
            # MicroPython's file system is at the end of flash.
            start = (board.flash_kib - board.filesystem_kib) * 1024
            self.mcu.flash[start : start + len(disk)] = disk

    async def __aenter__(self) -> Chip:
        try:
            await self.device.astart(timeout=START_S)
        except TimeoutError:
            self.device.stop()
            raise CommandError(
                f"The emulated {self._board.title} did not come up in {START_S:.0f} s.",
                f"Is the file MicroPython's build {self._board.build}? Or is the computer busy?",
            ) from None
        return self

    async def __aexit__(self, *_: object) -> None:
        self.device.stop()

    @property
    def microseconds(self) -> float:
        """Emulated time since the reset."""
        return float(self.mcu.clock.micros)

    async def check(self) -> None:
        """Asks what runs whether it is the board's MicroPython.

        Raises:
            CommandError: it is none, another board's, or too old.
        """
        told = (await self.run(QUESTION)).strip()
        check(understand(ast.literal_eval(told)), self._board)

    async def run(self, source: str, heard: Callable[[bytes], None] | None = None) -> str:
        """Runs a program through the raw REPL; -> what it printed. `heard` gets all that the
        board sends while it runs, as it comes.

        Raises:
            CommandError: it ended with an exception.
        """
        listening = asyncio.ensure_future(self._listen(heard)) if heard is not None else None
        try:
            output, errors = await self.device.aexec(source, timeout=None)
        finally:
            if listening is not None:
                listening.cancel()
        if errors:
            raise CommandError(
                f"The emulated board stopped: {errors.decode(errors='replace').strip()}",
                f"It had printed: {output.decode(errors='replace')[-500:]!r}" if output else "",
            )
        return str(output.decode(errors="replace"))

    async def _listen(self, heard: Callable[[bytes], None]) -> None:
        """Listens along with whoever speaks the raw REPL's protocol, from its start on."""
        cdc = self.device.cdc
        before = cdc.on_serial_data
        while cdc.on_serial_data is before:
            await asyncio.sleep(0)
        speaker = cdc.on_serial_data

        def both(data: bytes) -> None:
            speaker(data)
            heard(bytes(data))

        cdc.on_serial_data = both
