"""`rp2`, `machine`, `time` and `uctypes` of MicroPython on an RP2040 emulated without processor.

The firmware's PioSampler runs in CPython on these; its state machine and its DMA channel run in
rp2040py's PIO and DMA peripherals, set up register by register as MicroPython's `rp2` does it.
"""

import types
from array import array
from typing import Any

PIO0, DMA, IO_BANK = 0x50200000, 0x50000000, 0x40014000
SRAM = 0x20000000
CLOCK = 125_000_000


class Chip:
    """The emulated chip and its time: `advance` runs state machines and alarms."""

    def __init__(self, rp: Any):
        self.rp = rp
        self.interrupts_off = 0
        # A state machine that waits looks at its pin in each cycle; rp2040py lets it look at edges
        # only, so that one which is stopped and started again overlooks what came meanwhile.
        self.looks_again = True

    def advance(self, us: float) -> None:
        rp = self.rp
        clock = rp.clock
        until = clock.nanos + us * 1000
        pio = rp.pio[0]
        while clock.nanos < until:
            busy = any(m.enabled and not m.waiting for m in pio.machines)
            if busy:
                cycles = max(1, (pio.next_due_fp - pio.cycle_fp + 255) >> 8)
                clock.tick(cycles * 1e9 / CLOCK)
                pio.advance(cycles)
            else:
                left = until - clock.nanos
                alarm = clock.nanos_to_next_alarm if clock.has_scheduled_alarm else left
                clock.tick(max(0.0, min(left, alarm)))
                if alarm > left:
                    break


class Assembler:
    """`rp2.asm_pio` for the instructions that the sampler uses (RP2040 data sheet, 3.4)."""

    def __init__(self) -> None:
        self.words: array[int] = array("H")
        self.labels: dict[str, int] = {}
        self.jumps: list[tuple[int, str]] = []
        self.top = 0
        self.bottom = 0

    def _emit(self, word: int) -> "Assembler":
        self.words.append(word)
        return self

    def side(self, value: int) -> "Assembler":
        self.words[-1] |= value << 12  # one side-set bit, not optional: the top delay bit
        return self

    def names(self) -> dict[str, Any]:
        def jmp(condition: int, label: str) -> "Assembler":
            self.jumps.append((len(self.words), label))
            return self._emit(condition << 5)

        def wrap_target() -> None:
            self.top = len(self.words)

        def wrap() -> None:
            self.bottom = len(self.words) - 1

        return {
            "wrap_target": wrap_target,
            "wrap": wrap,
            "label": lambda name: self.labels.__setitem__(name, len(self.words)),
            "wait": lambda level, source, n: self._emit(0x2000 | level << 7 | source << 5 | n),
            "mov": lambda to, source: self._emit(0xA000 | to << 5 | source),
            "nop": lambda: self._emit(0xA042),
            "in_": lambda source, count: self._emit(0x4000 | source << 5 | count % 32),
            "jmp": jmp,
            "gpio": 0,
            "pins": 0,
            "x": 1,
            "y": 2,
            "x_dec": 2,
        }


def asm_pio(**settings: Any) -> Any:
    def make(function: Any) -> list[Any]:
        assembler = Assembler()
        names = assembler.names()
        kept = dict(function.__globals__)
        function.__globals__.update(names)
        function()
        for name in names:
            function.__globals__.pop(name)
        function.__globals__.update({k: v for k, v in kept.items() if k in names})
        for at, label in assembler.jumps:
            assembler.words[at] |= assembler.labels[label]
        return [assembler.words, assembler.top, assembler.bottom, settings]

    return make


class Pio:
    OUT_LOW = 0
    SHIFT_LEFT = 0


def modules(chip: Chip) -> dict[str, types.ModuleType]:
    """The modules by name, bound to a chip."""
    rp = chip.rp

    def poke(address: int, value: int) -> None:
        rp.write_uint32(address, value & 0xFFFFFFFF)

    class StateMachine:
        def __init__(
            self, number: int, program: list[Any], freq: int, in_base: Any, sideset_base: Any
        ):
            assert number == 0
            words, top, bottom, settings = program
            self.active(0)
            for i, word in enumerate(words):
                poke(PIO0 + 0x48 + 4 * i, word)
            poke(PIO0 + 0xC8, int(CLOCK / freq * 256) << 8)
            poke(PIO0 + 0xCC, bottom << 12 | top << 7)
            push = settings["push_thresh"] % 32
            shift = settings["in_shiftdir"] << 18 | settings["autopush"] << 16 | push << 20
            # A change of the FIFO's join bit empties it.
            poke(PIO0 + 0xD0, shift | 1 << 31)
            poke(PIO0 + 0xD0, shift)
            poke(PIO0 + 0xDC, 1 << 29 | in_base.number << 15 | sideset_base.number << 10)
            # MicroPython sets the side-set pin's direction and level, and its function.
            poke(PIO0 + 0xDC, 1 << 26 | sideset_base.number << 5)
            poke(PIO0 + 0xD8, 0xE000)  # set(pins, 0)
            poke(PIO0 + 0xD8, 0xE081)  # set(pindirs, 1)
            poke(PIO0 + 0xDC, 1 << 29 | in_base.number << 15 | sideset_base.number << 10)
            poke(IO_BANK + 8 * sideset_base.number + 4, 6)
            poke(PIO0 + 0x00, 1 << 4 | 1 << 8)  # restart
            poke(PIO0 + 0xD8, 0x0000)  # jmp(0)

        def put(self, value: int) -> None:
            poke(PIO0 + 0x10, value)

        def exec(self, instruction: int) -> None:
            poke(PIO0 + 0xD8, instruction)

        def active(self, on: int) -> None:
            poke(PIO0 + 0x00, 1 if on else 0)
            if on and chip.looks_again:
                rp.pio[0].machines[0].check_wait()

    class Channel:
        def pack_ctrl(self, **f: int) -> int:
            return (
                1
                | f["size"] << 2
                | f["inc_read"] << 4
                | f["inc_write"] << 5
                | f["ring_size"] << 6
                | f["ring_sel"] << 10
                | 0 << 11  # chain to itself: none
                | f["treq_sel"] << 15
            )

        def config(self, read: int, write: int, count: int, ctrl: int, trigger: bool) -> None:
            assert count < 1 << 28, "an RP2350 keeps the mode above 28 bits of TRANS_COUNT"
            poke(DMA + 0x00, read)
            poke(DMA + 0x04, write)
            poke(DMA + 0x08, count)
            poke(DMA + (0x0C if trigger else 0x10), ctrl)

        @property
        def count(self) -> int:
            return int(rp.read_uint32(DMA + 0x08))

        def active(self, on: int) -> None:
            if not on:
                poke(DMA + 0x444, 1)  # CHAN_ABORT

    class Pin:
        IN, OUT, ALT, IRQ_FALLING = 0, 1, 3, 4
        ALT_SPI, ALT_PIO0, ALT_PIO1 = 1, 6, 7  # GPIO_FUNC_... (RP2040 data sheet, table 278)

        def __init__(
            self,
            number: int,
            mode: int = -1,
            pull: int = -1,
            value: int | None = None,
            alt: int | None = None,
        ):
            self.number = number
            if alt is not None:
                poke(IO_BANK + 8 * number + 4, alt)
            # PADS_BANK0: input enabled, as after the reset of a real chip.
            poke(0x4001C004 + 4 * number, 0x56)
            if mode == 1:
                poke(IO_BANK + 8 * number + 4, 5)
                if value is not None:
                    self(value)
                poke(0xD0000024, 1 << number)  # GPIO_OE_SET

        def __call__(self, value: int | None = None) -> int:
            if value is None:
                return int(rp.gpio[self.number].input_value)
            poke(0xD0000014 if value else 0xD0000018, 1 << self.number)
            chip.advance(0.2)
            return value

        value = __call__

        def irq(self, handler: Any = None, trigger: int = 4, hard: bool = False) -> None:
            assert handler is None

    rp2 = types.ModuleType("rp2")
    rp2.asm_pio = asm_pio  # type: ignore[attr-defined]
    rp2.PIO = Pio  # type: ignore[attr-defined]
    rp2.StateMachine = StateMachine  # type: ignore[attr-defined]
    rp2.DMA = Channel  # type: ignore[attr-defined]
    machine = types.ModuleType("machine")
    machine.Pin = Pin  # type: ignore[attr-defined]
    micropython = types.ModuleType("micropython")
    micropython.const = lambda value: value  # type: ignore[attr-defined]
    micropython.viper = lambda function: function  # type: ignore[attr-defined]
    uctypes = types.ModuleType("uctypes")
    # Memory that DMA writes to lies in the emulated SRAM, odd on purpose: the ring aligns itself.
    uctypes.addressof = lambda _: SRAM + 0x10123  # type: ignore[attr-defined]
    uctypes.bytearray_at = (
        lambda address, size: (  # type: ignore[attr-defined]
            memoryview(rp.sram)[address - SRAM : address - SRAM + size]
        )
    )
    time = types.ModuleType("time")
    mask = (1 << 30) - 1

    def ticks_us() -> int:
        chip.advance(1)
        return int(rp.clock.micros) & mask

    time.sleep_us = chip.advance  # type: ignore[attr-defined]
    time.sleep_ms = lambda ms: chip.advance(ms * 1000)  # type: ignore[attr-defined]
    time.ticks_us = ticks_us  # type: ignore[attr-defined]
    time.ticks_ms = lambda: ticks_us() // 1000  # type: ignore[attr-defined]
    time.ticks_diff = lambda a, b: ((a - b + (1 << 29)) & mask) - (1 << 29)  # type: ignore[attr-defined]
    time.ticks_add = lambda a, b: (a + b) & mask  # type: ignore[attr-defined]
    return {m.__name__: m for m in (rp2, machine, micropython, uctypes, time)}
