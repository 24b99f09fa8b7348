"""A USB cable to an emulated chip: a port that tools open as they open a board's.

    with Cable(uf2, load_board("pico_w")) as cable:
        install(board, image, cable.port)

The chip runs in a thread of its own; a pseudo-terminal stands for its USB serial port.
"""

import asyncio
import os
import pty
import threading
import tty
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from heartlog.emulate.chip import START_S, Chip
from heartlog.errors import CommandError
from heartlog.image.board import Board

_POLL_S = 0.002


class Cable:
    """`port` is what a tool opens; arguments as of `Chip`."""

    def __init__(self, uf2: Path, board: Board, devices: tuple[Any, ...] = ()) -> None:
        self._inner, self._outer = pty.openpty()
        tty.setraw(self._outer)
        os.set_blocking(self._inner, False)
        self.port = os.ttyname(self._outer)
        self._chip = (uf2, board, devices)
        self._up = threading.Event()
        self._stop = False
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="emulated chip", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        up = self._up.wait(START_S + 20)
        if self._failure is not None or not up:
            self.__exit__(None, None, None)
            raise CommandError(
                f"The emulated board did not start: {self._failure or 'no USB in time'}.",
                "Is the file a MicroPython build for an RP2040 board?",
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop = True
        self._thread.join()
        os.close(self._inner)
        os.close(self._outer)

    def _run(self) -> None:
        try:
            asyncio.run(self._carry())
        except Exception as error:
            self._failure = error
            self._up.set()

    async def _carry(self) -> None:
        uf2, board, devices = self._chip
        waiting = bytearray()
        async with Chip(uf2, board, None, devices) as chip:
            cdc = chip.device.cdc
            cdc.on_serial_data = self._print
            self._up.set()
            while not self._stop:
                try:
                    waiting += os.read(self._inner, 512)
                except BlockingIOError:
                    pass
                room = cdc.tx_fifo.size - cdc.tx_fifo.item_count
                for byte in waiting[:room]:
                    cdc.send_serial_byte(byte)
                del waiting[:room]
                await asyncio.sleep(_POLL_S)

    def _print(self, data: bytes | bytearray) -> None:
        try:
            os.write(self._inner, bytes(data))
        except BlockingIOError:  # nobody has the port open and reads
            pass
