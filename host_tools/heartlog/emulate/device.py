"""The front end's model wired to an emulated RP2040: SPI peripheral or state machine, pins, time.

    device = AfeDevice("ADS1292R", {"SCK": 18, "MOSI": 19, "MISO": 16, "CS": 17, "DRDY": 20, ...})
    BoardSpec(extras=(lambda: device,), image=uf2)

The same model that the virtual board uses. Bytes of the SPI peripheral are answered after the time
their bits take; while SCK belongs to a PIO block, single clock edges are answered bit by bit.
"""

from __future__ import annotations

import importlib
import sys
from array import array
from collections.abc import Callable
from typing import Any

from heartlog.emulate.pacer import Pacer
from heartlog.image.places import boards_dir, firmware_dir

FUNCTION_PIO = (6, 7)


def model(name: str) -> Any:
    """A module of the models, which import each other by the names that they have on a board."""
    for folder in (firmware_dir(), boards_dir() / "virtual"):
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
    return importlib.import_module(f"models.{name}")


class Nets:
    """Named levels with watchers, as the models ask for them; DRDY goes to the emulated pin."""

    def __init__(self, set_drdy: Callable[[bool], None]):
        self._levels = {"DRDY": 1, "RESET": 1, "START": 0, "PWDN": 1, "CS": 1}
        self._watchers: dict[str, list[Callable[[int], None]]] = {}
        self._set_drdy = set_drdy

    def level(self, name: str) -> int:
        return self._levels[name]

    def watch(self, name: str, fn: Callable[[int], None]) -> None:
        self._watchers.setdefault(name, []).append(fn)

    def drive(self, name: str, level: int) -> None:
        if self._levels[name] == level:
            return
        self._levels[name] = level
        if name == "DRDY":
            self._set_drdy(bool(level))
        for fn in self._watchers.get(name, []):
            fn(level)


class AfeDevice:
    """`attach(rp)` is what rp2040py calls; `afe` is the model (complaints, unread, frames).

    With a processor that sleeps, state machines need a `pacer`."""

    def __init__(
        self,
        part: str,
        pins: dict[str, int],
        patient: Any = None,
        spi: int = 0,
        pacer: Pacer | None = None,
    ):
        self.part = part
        self.pins = pins
        self.spi_index = spi
        self.kernel = model("kernel").Kernel()
        self.electrodes = model("electrodes").Electrodes(part, patient)
        self.pacer = pacer
        self.latencies: list[float] = []  # us from DRDY to the first SCLK
        self.codes = array("i")  # the first channel's code of every conversion
        self.unread_before = 0  # frames that went by before the first one was read
        self._drdy_us = 0.0
        self._waiting = False
        self._bit = 0
        self._byte = 0

    def attach(self, rp: Any) -> None:
        self.rp = rp
        self._alarm = rp.clock.create_alarm(self._due)
        self._answer = rp.clock.create_alarm(self._complete)
        self._reply = 0
        self.nets = Nets(self._drdy)
        self.afe = model("ads1x9x").Afe(self.part, self.kernel, self.electrodes, self.nets)
        self.nets.watch("CS", self._chip_select)
        rp.gpio[self.pins["DRDY"]].set_input_value(True)
        for name in ("CS", "RESET", "START", "PWDN"):
            if name in self.pins:
                rp.gpio[self.pins[name]].add_listener(self._follow(name))
        rp.gpio[self.pins["SCK"]].add_listener(self._clock_edge)
        rp.spi[self.spi_index].on_transmit = self._transmit
        self._schedule()

    # --- time

    def _sync(self) -> int:
        """Lets the model's time catch up; -> microseconds."""
        now = int(self.rp.clock.micros)
        self.kernel.run_until(now)
        return now

    def _schedule(self) -> None:
        due = self.kernel.next_time()
        if due is not None:
            nanos = max(0.0, due * 1000.0 - self.rp.clock.nanos)
            self._alarm.schedule(nanos)
            if self.pacer is not None:
                self.pacer.expect(nanos)

    def _due(self) -> None:
        self._sync()
        self._schedule()

    # --- pins

    def _follow(self, name: str) -> Callable[..., None]:
        number = self.pins[name]

        def changed(*_: object) -> None:
            pin = self.rp.gpio[number]
            if pin.output_enable:
                self._sync()
                self.nets.drive(name, int(pin.output_value))
                self._schedule()

        return changed

    def _drdy(self, level: bool) -> None:
        if not level:
            self._drdy_us = self.rp.clock.micros
            self._waiting = True
            part = self.afe.part
            code = self.afe.frame[part.status_bytes : part.status_bytes + part.sample_bytes]
            self.codes.append(int.from_bytes(code, "big", signed=True))
        self.rp.gpio[self.pins["DRDY"]].set_input_value(level)
        if self.pacer is not None:
            self.pacer.edge()

    def _chip_select(self, level: int) -> None:
        self._bit = 0
        if level:
            self.afe.deselect(self.kernel.now)
        else:
            self.afe.select(self.kernel.now)

    def _first_clock(self, read: bool = True) -> None:
        if self._waiting:
            self._waiting = False
            if not read:  # a command: at the end, when nobody waits for frames any more
                return
            if not self.latencies:
                self.unread_before = self.afe.unread
            self.latencies.append(self.rp.clock.micros - self._drdy_us)

    # --- the SPI peripheral, byte by byte

    def _transmit(self, value: int) -> None:
        now = self._sync()
        self._first_clock(read=value == 0)  # (DIN is low while a frame is read)
        spi = self.rp.spi[self.spi_index]
        baudrate = int(getattr(spi, "clock_frequency", 0) or 4_000_000)
        received = bytearray(1)
        if self.nets.level("CS") == 0:
            self.afe.exchange(bytes([value & 0xFF]), received, now, baudrate, 1)
        else:
            received[0] = 0xFF
        self._reply = received[0]
        self._answer.schedule(8e9 / baudrate)

    def _complete(self) -> None:
        self.rp.spi[self.spi_index].complete_transmit(self._reply)
        self._schedule()

    # --- a state machine, edge by edge

    def _clock_edge(self, *_: object) -> None:
        pin = self.rp.gpio[self.pins["SCK"]]
        if pin.function_select not in FUNCTION_PIO or not pin.output_value:
            return
        if self._bit == 0:
            now = self._sync()
            self._first_clock()
            received = bytearray(1)
            mosi = self.rp.gpio[self.pins["MOSI"]]
            sent = 0xFF if mosi.output_enable and mosi.output_value else 0
            self.afe.exchange(bytes([sent]), received, now, 4_000_000, 1)
            self._byte = received[0]
            self._schedule()
        out = self._byte >> (7 - self._bit) & 1
        self.rp.gpio[self.pins["MISO"]].set_input_value(bool(out))
        self._bit = (self._bit + 1) % 8
