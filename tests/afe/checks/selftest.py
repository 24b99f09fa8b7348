"""Checks of self-test and calibration: a good part passes, on a bad one the fault is named."""

import os

from bench import Board, Quiet, clean, raises

from monitor import limits
from monitor.afe import parts
from monitor.afe.driver import PoweredOff
from monitor.calibration import Calibration, load_for
from monitor.measuring import known_gains
from monitor.selftest import SelfTest


def tested(part, spoil=None, electrodes="connected"):
    board = Board(part, Quiet())
    afe = PoweredOff(board).power_up()
    if spoil:
        spoil(board)
    test = SelfTest(afe, board, electrodes)
    for _ in test.run():
        pass
    return board, afe, test


def failed(test):
    return [r.name for r in test.results if not r.passed]


def check_a_good_part_passes(part):
    board, afe, test = tested(part)
    assert test.passed, [str(r) for r in test.results if not r.passed]
    names = " ".join(r.name for r in test.results)
    for word in (
        "identity",
        "bit errors",
        "walk",
        "noise CH1",
        "offset",
        "rate",
        "gain error",
        "Hz",
    ):
        assert word in names or word in " ".join(str(r) for r in test.results), word
    clean(board)


def check_every_number_has_its_channel_and_limits(part):
    """The limits once more, by the sheets: what they give as typical, twice; and as greatest."""
    _, afe, test = tested(part)
    noise, peak = (2.5, 16.0)
    if "119" in part:
        noise, peak = (8.0, 60.0)
    elif "1299" in part:
        noise, peak = (0.6, 4.0)
    expected = {
        limits.ID: (afe.part.id, afe.part.id),
        limits.BITS: (0, 0),
        limits.WALK: (0, 0),
        limits.NOISE: (0.0, noise),
        limits.PEAK: (0.0, peak),
        limits.OFFSET: (-1000.0, 1000.0),
        limits.RATE: (-25000.0, 25000.0),
        limits.GAIN: (-3.0, 3.0),
        limits.SUPPLY: (2.7, 5.25),
        limits.TEMPERATURE: (-10.0, 70.0),
        limits.LEADS: (0, 0),
        limits.DRIVE: (-200.0, 200.0),
    }
    for r in test.results:
        if r.code == limits.SIGNAL:  # 1 Hz, or fCLK / 2^21
            hertz = 1.0 if afe.part.family == "two" else 0.9766
            assert abs(r.low / hertz - 0.94) < 1e-3 and abs(r.high / hertz - 1.06) < 1e-3, str(r)
        else:
            assert (r.low, r.high) == expected[r.code], str(r)
    every = list(range(1, afe.channels + 1))
    for code in (limits.NOISE, limits.PEAK, limits.OFFSET, limits.GAIN, limits.SIGNAL):
        assert [r.channel for r in test.results if r.code == code] == every, code
    for code in (limits.ID, limits.BITS, limits.WALK, limits.RATE, limits.SUPPLY, limits.LEADS):
        assert [r.channel for r in test.results if r.code == code] == [0], code


def check_open_inputs(part):
    def open_all(board):
        board.electrodes.set("all", on=False)

    board, afe, test = tested(part, open_all, "open")
    flags = [r for r in test.results if "lead-off" in r.name][0]
    # Wilson's terminal is an output, never off: chest channels can flag their P inputs only.
    assert flags.passed and flags.value == (2 if afe.channels == 1 else 2 + afe.channels), str(
        flags
    )
    _, _, test = tested(part, open_all, "connected")
    assert "lead-off flags" in failed(test)
    # (A part with one channel has none left to look at the drive with.)
    assert ("right-leg drive" in failed(test)) == (afe.channels > 1), failed(test)
    clean(board)


def check_each_fault_fails_its_own_test(part):
    if part not in ("ADS1191", "ADS1292R", "ADS1198", "ADS1294", "ADS1299-6"):
        return  # one of each shape
    faults = (
        ("wrong_id", 0x35, (limits.ID,)),
        ("stuck", [board_register(part, "CH1SET"), 0x40], (limits.WALK,)),
        ("noise", 6, (limits.NOISE, limits.PEAK)),
        ("offset_uv", 1500, (limits.OFFSET,)),
        ("clock_ppm", 30000, (limits.RATE,)),
        ("gain_ppm", -45000, (limits.GAIN,)),
        ("test_dead", True, (limits.GAIN, limits.SIGNAL)),
        ("supply", 2.5, (limits.SUPPLY,)),
        ("celsius", 85, (limits.TEMPERATURE,)),
        ("LA", False, (limits.LEADS,)),
        ("RL", False, (limits.DRIVE,) if parts.find(part).channels > 1 else ()),
    )
    for name, value, expected in faults:

        def spoil(board):
            if name in board.afe.faults:
                board.afe.faults[name] = value
            else:
                board.electrodes.set(name, on=value)

        _, _, test = tested(part, spoil)
        found = tuple(sorted(set(r.code for r in test.results if not r.passed)))
        assert found == expected, (name, failed(test))


def board_register(part, name):
    return parts.find(part)[name].address


def check_a_wrong_gain_is_found(part):
    def spoil(board):
        analog = board.afe.analog
        volts = analog.test_volts
        analog.test_volts = lambda t: volts(t) * 0.9

    board, _, test = tested(part, spoil)
    assert "gain error CH1" in failed(test), failed(test)
    with raises(ValueError, "failed self-test", "gain error CH1"):
        Calibration.of(test, "2026-01-02")


def check_noise_is_found(part):
    def spoil(board):
        a, b = board.afe.analog.noise_uv
        board.afe.analog.noise_uv = (a * 8, b * 8)

    _, _, test = tested(part, spoil)
    assert "input-short noise CH1" in failed(test), failed(test)


def check_a_fast_clock_is_measured(part):
    def spoil(board):
        board.afe.faults["clock_ppm"] = 8000

    _, _, test = tested(part, spoil)
    assert test.passed, failed(test)
    assert abs(test.rate_ppm - 8000) < 900, test.rate_ppm


def check_bit_errors_are_counted(part):
    board = Board(part, Quiet())
    afe = PoweredOff(board).power_up()
    test = SelfTest(afe, board)
    steps = test.run()
    next(steps)
    exchange = board.afe.exchange

    def flip(tx, rx, *more):
        exchange(tx, rx, *more)
        if rx is not None and len(rx) > 10 and tx[0] == 0x20:
            rx[7] ^= 4

    first = []

    def flip_later(tx, rx, *more):
        if rx is not None and len(rx) > 10 and tx[0] == 0x20:
            first.append(1)
        if len(first) > 40:
            flip(tx, rx, *more)
        else:
            exchange(tx, rx, *more)

    board.afe.exchange = flip_later
    result = next(steps)
    assert "bit errors" in result.name
    assert not result.passed, str(result)
    assert 10 < result.value < 100, str(result)


def check_calibration_is_kept_and_refused(part):
    board, afe, test = tested(part)
    path = "/tmp/heartlog-check-%s-%d.json" % (part, id(test) & 0xFFFFF)
    kept = Calibration.of(test, "2026-01-02")
    kept.save(path)
    try:
        again = Calibration.load(path, part)
        assert again.date == "2026-01-02" and again.part == part
        assert again.gain_ppm == kept.gain_ppm
        afe.configure(rate=500, gain=6)
        nominal = afe.nv_per_code()
        again.gain_ppm[0] = 10000
        afe.calibration = again
        assert afe.nv_per_code() == nominal  # the part's own signal is worse than its reference
        again.source = "1000 uV"
        assert abs(afe.nv_per_code() * 1.01 - nominal) < 1e-6 * nominal
        with raises(ValueError, "calibrate again", "ADS0"):
            Calibration.load(path, "ADS0")
        with open(path, "w") as file:
            file.write('{"part": "%s"}' % part)
        with raises(ValueError, "damaged"):
            Calibration.load(path, part)
        with open(path, "w") as file:
            file.write("{half")
        with raises(ValueError):
            Calibration.load(path, part)
    finally:
        os.remove(path)
    with raises(ValueError, "CH1", "7.0 %"):
        Calibration(part, "2026-01-02", [70000] * afe.channels, [0] * afe.channels)
    with raises(ValueError, "offset of CH1"):
        Calibration(part, "2026-01-02", [0] * afe.channels, [1 << 21] * afe.channels)
    with raises(ValueError, "YYYY-MM-DD"):
        Calibration(part, "soon", [0], [0])


def check_a_known_signal_calibrates_the_scale(part):
    """1 mV peak to peak at the electrodes of a part whose reference is 1.5 % low."""
    from bench import Steps

    from monitor.sampler import Sampler

    def square(lead, k):
        return 0.5e-3 if k // 125 % 2 else -0.5e-3

    board = Board(part, Steps(square))
    afe = PoweredOff(board).power_up()
    refresh = board.afe.analog.refresh

    def low(regs):
        refresh(regs)
        for plan in board.afe.analog.plans:
            plan.scale *= 1.015

    board.afe.analog.refresh = low
    if 250 not in afe.part.rates and 250 not in afe.part.low_power_rates:
        return
    gains = known_gains(afe, board, 1000, Sampler)
    close = 12000 if afe.part.bits == 16 else 300  # their noise is a code, of 37 uV at gain 1
    assert all(abs(g - 15000) < close for g in gains[: afe.channels]), gains
    kept = Calibration(part, "2026-01-02", gains, [0] * afe.channels, 0, "1000 uV")
    path = "/tmp/heartlog-known-%d/" % (id(kept) & 0xFFFFF)
    os.mkdir(path)
    try:
        kept.save(path + "calibration.json")
        assert load_for(afe, path) == "" and afe.calibration.applied
        assert abs(afe.nv_per_code() / afe.nominal_nv() - 1 / 1.015) < close * 1e-6
        afe.part.name, name = "ADS0", afe.part.name
        assert "calibrate again" in load_for(afe, path)
        afe.part.name = name
        assert afe.calibration is None and afe.nv_per_code() == afe.nominal_nv()
    finally:
        os.remove(path + "calibration.json")
        os.rmdir(path)
    assert load_for(afe, "/nowhere/") == ""
    board = Board(part, Quiet())
    with raises(ValueError, "no channel shows", "1000 uV"):
        known_gains(PoweredOff(board).power_up(), board, 1000, Sampler)
