"""The PIO and DMA sampler on an emulated RP2040: its program, ring, gaps and recoveries."""

import builtins
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

rp2040py = pytest.importorskip(
    "rp2040py", reason="rp2040py, the RP2040 emulator, is not installed"
)

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


class Ramp:
    """Lead n of conversion k: a value that tells both."""

    def __init__(self) -> None:
        self.k = -1

    def begin(self, rate: int) -> None:
        pass

    def leads(self, t_us: int) -> list[float]:
        self.k += 1
        return [1e-6 * (self.k % 1000) + 1e-4 * n for n in range(8)]


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

    def start(self, rate: int, seconds: float = 1) -> Any:
        from monitor.afe.driver import PoweredOff  # type: ignore[import-not-found]
        from monitor.samplers import for_board  # type: ignore[import-not-found]

        self.afe = PoweredOff(self.board).power_up()
        self.afe.configure(rate=rate, gain=6, lead_off=None)
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
                    volts = 1e-6 * ((start + i) % 1000) + 1e-4 * n
                    lsb = self.afe.nv_per_code(n) * 1e-9
                    assert abs(code * lsb - volts) <= lsb * 0.51, (start + i, n)
                    count += n == 0
        return count


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("ptr8", "ptr16", "ptr32"):
        monkeypatch.setattr(builtins, name, lambda value: value, raising=False)
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


@pytest.mark.parametrize("part", ["ADS1292R", "ADS1191", "ADS1298", "ADS1299-4"])
def test_every_frame_arrives_without_the_processor(bench: Any, part: str) -> None:
    b = bench(part)
    sampler = b.start(500)
    b.chip.advance(300_000)  # nobody looks: no interrupt is needed either
    count = b.check(b.take())
    assert abs(count - 150) <= 3
    assert sampler.lost == 0
    assert b.device.afe.unread == 0
    assert b.device.afe.complaints == []
    # DRDY to the first clock: a wait and two instructions of the state machine.
    assert max(b.device.latencies[-100:]) < 1.0


def test_the_ring_wraps_and_says_when_it_went_round(bench: Any) -> None:
    b = bench("ADS1292R")
    sampler = b.start(1000, 0.2)
    for _ in range(6):
        b.chip.advance(150_000)
        b.check(b.take())
    assert sampler.lost == 0
    holds = sampler._holds
    b.chip.advance(1000 * (holds + 100))
    blocks = b.take()
    assert blocks[0][1] > 50
    assert blocks[0][2] == 2  # ring full
    b.check(blocks)
    b.chip.advance(100_000)
    b.check(b.take())
    assert abs(sampler.index - b.device.afe.frames) <= 1


def test_registers_are_audited_between_frames(bench: Any) -> None:
    b = bench("ADS1292R")
    sampler = b.start(250)
    for _ in range(10):
        b.chip.advance(200_000)
        assert sampler.watch() == 0
        b.check(b.take())
    assert sampler.lost == 0
    assert b.device.afe.unread == 0
    b.device.afe.regs[4] ^= 0x10
    codes = []
    for _ in range(8):
        b.chip.advance(200_000)
        codes.append(sampler.watch())
        b.take(vouch=False)
    assert 7 in codes  # register changed
    assert "CH1SET" in sampler.last_fault_text
    assert b.device.afe.complaints == []


def test_a_stopped_drdy_is_a_gap_of_the_right_length(bench: Any) -> None:
    b = bench("ADS1292R")
    sampler = b.start(250)
    b.chip.advance(400_000)
    b.check(b.take())
    before = sampler.index
    begun = b.rp.clock.micros
    b.device.afe.faults["stuck_drdy"] = True
    faults = []
    for _ in range(5):
        b.chip.advance(200_000)
        faults.append(sampler.watch())
    assert 4 in faults
    b.device.afe.faults["stuck_drdy"] = False
    blocks: list[Any] = []
    while not blocks:
        b.chip.advance(100_000)
        sampler.watch()
        blocks = b.take()
        assert b.rp.clock.micros - begun < 4e6
    assert blocks[0][2] == 4  # restarted
    end = blocks[-1][0] + len(blocks[-1][3][0])
    elapsed = (b.rp.clock.micros - begun) / 4000
    assert abs(end - before - elapsed) < 4


def test_frames_out_of_sync_are_dropped_and_counted(bench: Any) -> None:
    b = bench("ADS1292R")
    sampler = b.start(500)
    b.chip.advance(100_000)
    b.take()
    b.device.afe.faults["bit_errors"] = 20000
    b.chip.advance(200_000)
    b.device.afe.faults["bit_errors"] = 0
    blocks = b.take()
    assert any(gap and reason == 3 for _, gap, reason, _ in blocks)
    assert sampler.bad_frames > 2
    b.chip.advance(100_000)
    blocks = b.take()
    b.check(blocks)
    assert sampler.index == b.device.afe.frames


def test_nothing_is_delivered_that_nobody_vouches_for(bench: Any) -> None:
    """The part loses its settings: not one of its samples at another scale comes out."""
    b = bench("ADS1292R")
    sampler = b.start(500)
    b.chip.advance(300_000)
    b.check(b.take(vouch=False))
    b.device.afe.brown_out()  # 500 samples/s is what it does after a reset: only registers tell
    faults, blocks = [], []
    for _ in range(40):
        b.chip.advance(25_000)
        found = b.take(vouch=False)
        for _, _, _, columns in found:  # the ramp rises by 1 uV a sample at our gain, 20.8 codes
            steps = [b - a for a, b in zip(columns[0], columns[0][1:], strict=False)]
            assert all(step in (20, 21, -20759, -20758) for step in steps), steps
        blocks += found
        faults.append(sampler.watch())
    assert 7 in faults[:20]
    gaps = [(gap, reason) for _, gap, reason, _ in blocks if gap]
    assert len(gaps) == 1
    assert gaps[0][1] == 4  # restarted


def test_a_charger_pauses_it_and_the_pause_is_counted(bench: Any) -> None:
    b = bench("ADS1292R")
    sampler = b.start(250)
    b.chip.advance(400_000)
    b.check(b.take())
    before, begun = sampler.index, b.rp.clock.micros
    sampler.pause()
    for _ in range(10):
        b.chip.advance(100_000)
        assert sampler.watch() == 0
        assert b.take() == []
    sampler.resume()
    blocks: list[Any] = []
    while not blocks:
        b.chip.advance(50_000)
        blocks = b.take()
    assert blocks[0][2] == 5  # paused
    b.chip.advance(300_000)
    b.take()
    elapsed = (b.rp.clock.micros - begun) / 4000
    assert abs(sampler.index - before - elapsed) < 4


def test_what_a_slow_audit_misses_is_a_gap_where_it_is(bench: Any) -> None:
    """On a real RP2040 an audit takes MicroPython a while: it may not lose samples in silence."""
    b = bench("ADS1292R")
    sampler = b.start(250)
    audit = sampler.afe.audit_running

    def slow() -> Any:
        b.chip.advance(11_000)  # between two and three periods
        return audit()

    sampler.afe.audit_running = slow
    for _ in range(6):
        b.chip.advance(200_000)
        assert sampler.watch() == 0
        b.check(b.take())
    assert sampler.lost >= 6
    assert sampler.overruns >= sampler.lost
    assert sampler.gap_reason in (0, 1)
    assert b.device.afe.complaints == []
