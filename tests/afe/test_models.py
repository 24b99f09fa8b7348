"""The chip models complain of every broken rule, and the tables agree with them (in CPython)."""

from collections.abc import Callable

import pytest

PARTS = [
    *("ADS1191", "ADS1192", "ADS1291", "ADS1292", "ADS1292R", "ADS1194", "ADS1196", "ADS1198"),
    *("ADS1294", "ADS1296", "ADS1298", "ADS1294R", "ADS1296R", "ADS1298R"),
    *("ADS1299-4", "ADS1299-6", "ADS1299"),
]


pytestmark = pytest.mark.usefixtures("rooms")


class Pins:
    def __init__(self) -> None:
        self.levels = {"DRDY": 1, "RESET": 1, "START": 0, "PWDN": 1}
        self.watchers: dict[str, list[Callable[[int], None]]] = {}

    def level(self, name: str) -> int:
        return self.levels[name]

    def watch(self, name: str, fn: Callable[[int], None]) -> None:
        self.watchers.setdefault(name, []).append(fn)

    def drive(self, name: str, level: int) -> None:
        if self.levels[name] != level:
            self.levels[name] = level
            for fn in self.watchers.get(name, []):
                fn(level)


class Bench:
    """A model that has just finished its power-up, and hands to break rules with."""

    def __init__(self, part: str, settle: bool = True):
        from models.ads1x9x import Afe
        from models.electrodes import Electrodes
        from models.kernel import Kernel

        self.kernel = Kernel()
        self.pins = Pins()
        self.afe = Afe(part, self.kernel, Electrodes(part), self.pins)
        self.mode = 1
        if settle:
            self.wait(200000)

    def wait(self, us: float) -> None:
        self.kernel.run_until(self.kernel.now + int(us))

    def send(self, *data: int, baudrate: int = 400000, hold: bool = False) -> bytes:
        rx = bytearray(len(data))
        self.afe.select(self.kernel.now)
        self.afe.exchange(bytes(data), rx, self.kernel.now, baudrate, self.mode)
        self.wait(len(data) * 8e6 / baudrate + 1)
        if not hold:
            self.wait(10)
            self.afe.deselect(self.kernel.now)
            self.wait(10)
        return bytes(rx)

    def complains(self, *words: str) -> None:
        assert len(self.afe.complaints) >= 1, "nothing was complained of"
        text = "\n".join(self.afe.complaints)
        for word in words:
            assert word in text, text
        self.afe.complaints.clear()

    def content(self) -> None:
        assert self.afe.complaints == []


@pytest.mark.parametrize("part", PARTS)
def test_each_broken_rule_is_told(part: str) -> None:
    early = Bench(part, settle=False)
    early.wait(20000)
    early.send(0x11)
    early.complains("power-up time")

    b = Bench(part)
    b.send(0x20, 0x00, 0x00)
    b.complains("RREG in RDATAC mode", "SDATAC comes first")
    b.send(0x11)
    b.content()
    assert b.send(0x20, 0x00, 0x00)[2] == b.afe.part.id
    b.content()

    b.send(0x20, 0x00, 0x00, baudrate=8000000)
    b.complains("tSDECODE")
    b.send(0x11, baudrate=40000000)
    b.complains("SCLK at 40000000 Hz")
    b.mode = 0
    b.send(0x11)
    b.complains("mode 0", "mode 1")
    b.mode = 1
    b.send(0x33, 0x1F, *[0] * 32)
    b.complains("RREG of 32 registers")
    b.send(0x20, 0x00, 0xFF)
    b.complains("DIN is 0xFF while registers are read")
    b.send(0x40, 0x00, 0x12)
    b.complains("ID")
    b.send(0x03)
    b.complains("0x03 is no opcode")
    b.send(0x12, 0, 0)
    b.complains("RDATA before any conversion")
    b.send(0x40 | 1)
    b.complains("middle of a command")
    b.send(0x41, 0x00, (b.afe.regs[1] & 0xF8) | 7)
    b.complains("CONFIG1.DR = 111")

    b = Bench(part)
    b.send(0x06)
    b.afe.complaints.clear()
    b.afe.select(b.kernel.now)
    b.afe.exchange(b"\x06", None, b.kernel.now, 4000000, 1)
    b.wait(2)
    b.afe.exchange(b"\x11", None, b.kernel.now, 4000000, 1)
    b.complains("reset time")

    b = Bench(part)
    b.send(0x04)
    b.afe.select(b.kernel.now)
    b.afe.exchange(b"\x02", None, b.kernel.now, 20000000, 1)
    b.afe.exchange(b"\x11", None, b.kernel.now, 20000000, 1)
    b.complains("wake-up time")

    b = Bench(part)
    if b.afe.part.family == "two":
        b.send(0x11)
        b.send(0x1A)
        b.complains("OFFSETCAL without RESP2.CALIB_ON")
        b.send(0x40 | 10, 0x00, 0x83)
        b.send(0x1A)
        b.content()

    b = Bench(part)
    b.pins.drive("RESET", 0)
    b.send(0x11)
    b.complains("held in reset")
    b.pins.drive("RESET", 1)
    b.send(0x11)
    b.complains("the reset time")

    b = Bench(part)
    b.pins.drive("RESET", 0)
    b.pins.drive("RESET", 1)
    b.complains("RESET low for 0 ns")

    b = Bench(part)
    b.send(0x11)
    b.send(0x04)
    b.content()
    b.send(0x20, 0x00, 0x00)
    b.complains("standby")
    b.send(0x02)
    b.wait(1000)
    b.content()

    b = Bench(part)
    b.pins.drive("START", 1)
    b.send(0x08)
    b.complains("opcode START with the START pin high")
    b.send(0x0A)
    b.complains("opcode STOP with the START pin high")

    b = Bench(part)
    b.afe.select(b.kernel.now)
    b.afe.exchange(b"\x11", None, b.kernel.now, 4000000, 1)
    b.wait(2)
    b.afe.deselect(b.kernel.now)
    b.complains("CS went high", "after the last SCLK")
    b.afe.select(b.kernel.now)
    b.complains("CS was high for 0 ns")

    b = Bench(part)
    b.pins.drive("START", 1)
    b.wait(60000)
    b.send(0x12, 0)
    b.complains("RDATA in RDATAC mode")
    assert b.afe.unread > 0


@pytest.mark.parametrize("part", PARTS)
def test_every_reserved_bit_is_watched(part: str) -> None:
    b = Bench(part)
    b.send(0x11)
    for register in b.afe.part.registers[1:]:
        good = register.mend(register.reset)
        for bit in range(8):
            if not register.reserved >> bit & 1:
                continue
            b.send(0x40 | register.address, 0x00, good ^ 1 << bit)
            b.complains(register.name, "reserved bits")
        b.send(0x40 | register.address, 0x00, good)
        b.content()
        assert b.send(0x20 | register.address, 0, 0)[2] & register.compared() == (
            good & register.compared()
        )


@pytest.mark.parametrize("part", PARTS)
def test_extra_clocks_repeat_the_frame(part: str) -> None:
    b = Bench(part)
    b.pins.drive("START", 1)
    while b.pins.level("DRDY"):
        b.wait(50)
    n = b.afe.part.frame_bytes
    b.pins.drive("START", 0)
    twice = b.send(*[0] * (2 * n), baudrate=4000000)
    assert twice[:n] == twice[n:]
    assert twice[0] & 0xF0 == 0xC0
    assert b.pins.level("DRDY") == 1


@pytest.mark.parametrize("part", PARTS)
def test_a_write_that_resets_the_filter_makes_it_settle_anew(part: str) -> None:
    """CONFIG1 of all, RESP of the ADS129x of eight channels (SBAS459); no other."""
    b = Bench(part)
    b.send(0x11)
    b.pins.drive("START", 1)
    b.wait(300000)
    settling = b.afe._ns(b.afe.timing.settling[b.afe.analog.settling_key(b.afe.regs)]) / 1000
    resets = {"CONFIG1"} if part.startswith("ADS1299") else {"CONFIG1", "RESP"}
    for register in b.afe.part.registers[1:]:
        if register.name == "RESERVED":
            continue
        value = register.mend(b.afe.regs[register.address])
        b.send(0x40 | register.address, 0x00, value)
        written, frames = b.kernel.now, b.afe.frames
        while b.afe.frames == frames:
            b.wait(20)
        took = b.kernel.now - written
        if register.name in resets:
            assert settling - 100 < took < settling + 100, (register.name, took, settling)
        else:
            assert took <= b.afe._period_ns / 1000 + 100, (register.name, took)
    b.content()


@pytest.mark.parametrize("part", ["ADS1191", "ADS1292R", "ADS1298"])
def test_a_whole_frame_is_read_by_the_rules_of_its_bytes(part: str) -> None:
    b = Bench(part)
    b.pins.drive("START", 1)

    def frame(*sent: int, select: bool = True, baudrate: int = 4000000) -> bytes:
        while b.pins.level("DRDY"):
            b.wait(50)
        data = bytes(sent) + bytes(b.afe.part.frame_bytes - len(sent))
        if select:
            return b.send(*data, baudrate=baudrate)
        rx = bytearray(len(data))
        b.afe.exchange(data, rx, b.kernel.now, baudrate, 1)
        return bytes(rx)

    assert frame(select=False) == b"\xff" * b.afe.part.frame_bytes
    assert b.pins.level("DRDY") == 0  # nothing was read
    assert frame()[0] & 0xF0 == 0xC0
    b.content()
    for extra in (0, 1):  # in one go, and byte by byte: the next conversion runs into it
        torn = b.afe.torn
        while b.pins.level("DRDY"):
            b.wait(50)
        b.wait((b.afe._next_ns - 1000 * b.kernel.now) / 1000 - 3)
        b.send(*bytes(b.afe.part.frame_bytes + extra), baudrate=4000000)
        assert b.afe.torn > torn
    b.content()
    b.wait(10000)
    frame(baudrate=30000000)
    b.complains("SCLK at 30000000 Hz")
    b.wait(10)
    frame(0x11)  # SDATAC along with a frame is heard
    b.afe.complaints.clear()
    b.pins.drive("START", 0)
    assert b.send(0x20, 0, 0)[2] == b.afe.part.id
    b.content()


@pytest.mark.parametrize("part", ["ADS1191", "ADS1292R", "ADS1298"])
def test_without_rdatac_a_frame_comes_when_it_is_asked_for(part: str) -> None:
    b = Bench(part)
    b.send(0x11)
    b.pins.drive("START", 1)
    b.wait(300000)
    n = b.afe.part.frame_bytes
    assert b.send(*[0] * n) == bytes(n)
    while b.pins.level("DRDY"):
        b.wait(50)
    b.pins.drive("START", 0)
    assert b.send(0x12, *[0] * n)[1] & 0xF0 == 0xC0
    assert b.afe.unread == 0  # nobody had to read the others
    b.content()


@pytest.mark.parametrize("part", PARTS)
def test_a_wrong_phase_shifts_by_one_bit(part: str) -> None:
    b = Bench(part)
    b.pins.drive("START", 1)
    while b.pins.level("DRDY"):
        b.wait(50)
    b.mode = 0
    assert b.send(*[0] * b.afe.part.frame_bytes, baudrate=4000000)[0] & 0xF0 == 0x60
    b.complains("mode 0")


@pytest.mark.parametrize("part", PARTS)
def test_tables_and_models_agree(part: str) -> None:
    """The driver's table and the models' own facts were written apart: they must say the same."""
    from monitor.afe import parts

    from models import timing

    table = parts.find(part)
    facts = timing.of(part)
    assert abs(table.tclk_ns - 1e9 / facts.fclk) < 1.1
    for name in ("power_up", "reset_low", "reset", "decode", "wakeup", "cs_after", "cs_high"):
        assert table.waits[name] == getattr(facts, name), name
    for code, clocks in table.settling.items():
        assert facts.settling[code] == clocks, code
    assert [r.address for r in table.registers] == list(range(len(table.registers)))
    assert len({r.name for r in table.registers}) == len(table.registers)
    assert table.frame_bytes == table.status_bytes + table.slots * table.sample_bytes
    analog = Bench(part).afe.analog
    for mode, rates in ((0x80, table.rates), (0x00, table.low_power_rates)):
        for rate, code in rates.items():
            keep = mode if table.low_power_rates else 0
            assert analog.rate(bytes([0, keep | code])) == rate
    for register in table.registers:
        assert register.valid(register.mend(register.reset))
        width = sum(w for _, _, w in register.fields) + bin(register.reserved).count("1")
        assert width == 8, register.name
