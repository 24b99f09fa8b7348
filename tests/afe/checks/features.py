"""Checks of what a part can do beside converting: test signal, lead-off, breathing and so on."""

from bench import Board, Steps, clean, kernel, raises, run_ms, vouch

from monitor.afe import leads, respiration
from monitor.afe.driver import PoweredOff
from monitor.sampler import Sampler


def up(part, volts=lambda lead, k: 0.0):
    board = Board(part, Steps(volts))
    board.afe.analog.quiet = True
    return board, PoweredOff(board).power_up()


def record(board, afe, ms):
    """-> ([codes by channel], [status words])"""
    sampler = Sampler(afe, board)
    sampler.run()
    columns = [[] for _ in range(afe.channels)]
    words = []
    until = kernel.now + ms * 1000
    while kernel.now < until:
        run_ms(20)
        if kernel.now >= until:
            vouch(sampler)  # the rest, too
        n = sampler.take()
        while n:
            for c in range(afe.channels):
                columns[c].extend(sampler.channels[c][:n])
            words.extend(sampler.status[:n])
            n = sampler.take()
    sampler.halt()
    return columns, words


def volts(afe, channel, code):
    return code * afe.part.code_volts(afe.gains[channel], afe.vref)


def check_shorted_and_off(part):
    board, afe = up(part, lambda lead, k: 1e-3)
    afe.configure(rate=500, inputs="shorted", lead_off=None)
    columns, _ = record(board, afe, 100)
    assert all(code == 0 for column in columns for code in column)
    inputs = ["off"] * afe.channels
    inputs[0] = "normal"
    afe.configure(rate=500, inputs=inputs, lead_off=None)
    columns, _ = record(board, afe, 100)
    assert columns[0][-1] != 0
    for column in columns[1:]:
        assert set(column) == {0}
    clean(board)


def check_test_signal(part):
    board, afe = up(part)
    for gain in afe.part.gains:
        if gain > 12:
            continue
        afe.configure(rate=500, gain=gain, inputs="test", test_signal="square", lead_off=None)
        columns, _ = record(board, afe, 2400)
        want = afe.vref / (2420 if afe.part.family == "two" else 2400)
        for c in range(afe.channels):
            top, bottom = max(columns[c]), min(columns[c])
            near = 0.002 * want + afe.nv_per_code(c) * 1e-9
            assert abs(volts(afe, c, top) - want) < near, gain
            assert abs(volts(afe, c, bottom) + want) < near, gain
        if gain > 2:
            break
    afe.configure(rate=500, inputs="test", test_signal="dc", lead_off=None)
    columns, _ = record(board, afe, 1200)
    assert max(columns[0]) == min(columns[0]) != 0
    with raises(ValueError, "test_signal"):
        afe.configure(rate=500, test_signal="triangle")
    clean(board)


def check_no_reference_means_full_scale(part):
    """What others met with CONFIG2 = 82h: the model shows it, the driver never causes it."""
    board, afe = up(part)
    afe.configure(rate=500, inputs="test", test_signal="square", lead_off=None)
    name, field = (
        ("CONFIG2", "PDB_REFBUF") if afe.part.family == "two" else ("CONFIG3", "PD_REFBUF")
    )
    afe.cache.set(name, field, 0)
    afe.apply()
    columns, _ = record(board, afe, 100)
    assert set(columns[0]) == {(1 << afe.part.bits - 1) - 1}
    clean(board)


def check_temperature_and_supply(part):
    board, afe = up(part)
    afe.configure(rate=500, gain=1, inputs="temperature", lead_off=None)
    columns, _ = record(board, afe, 100)
    celsius = (volts(afe, 0, columns[0][-1]) - 0.1453) / 490e-6 + 25
    assert abs(celsius - 31) < 0.6, celsius
    afe.configure(rate=500, gain=1, inputs="supply", lead_off=None)
    columns, _ = record(board, afe, 100)
    assert abs(volts(afe, 0, columns[0][-1]) * 2 - 3.3) < 0.01
    clean(board)


def check_lead_off_currents_and_thresholds(part):
    """A contact is flagged exactly when current x ohms passes the threshold."""
    board, afe = up(part)
    supply = 3.3
    tried = 0
    least = min(afe.part.lead_off_amperes)
    for amperes in afe.part.lead_off_amperes:
        for percent in afe.part.lead_off_percent if amperes == least else (95, 70):
            limit = (percent / 100 - 0.5) * supply / amperes
            for ohms, flagged in ((limit * 0.98, 0), (limit * 1.02, 1)):
                board.electrodes.set("all", ohms=1000)
                board.electrodes.set("LA", ohms=ohms)
                afe.configure(rate=500, lead_off_amperes=amperes, lead_off_percent=percent)
                _, words = record(board, afe, 60)
                flags = afe.input_flags(words[-1]) & afe.sensed_inputs()
                assert flags == (leads.p(0) if flagged else 0), (amperes, percent, ohms, flags)
                assert afe.lead_off_amperes == amperes
                tried += 1
    assert tried == 16 + 2 * 6
    clean(board)


def check_no_input_goes_beyond_the_supply(part):
    """A current has nowhere to go where an electrode is off: the pin ends at the rail."""
    for name in ("LA", "RA"):
        board, afe = up(part)
        board.electrodes.set("all", ohms=0)
        board.electrodes.set(name, on=False)
        afe.configure(rate=500, gain=1)
        columns, _ = record(board, afe, 100)
        assert abs(volts(afe, 0, columns[0][-1]) - 1.65) < 1e-3, name
        clean(board)


def check_flags_need_all_three(part):
    """Comparators, sense bits and a current: without any one a flag means nothing."""
    board, afe = up(part)
    board.electrodes.set("all", on=False)
    afe.configure(rate=500, lead_off=None)
    assert afe.sensed_inputs() == 0
    _, words = record(board, afe, 60)
    assert afe.input_flags(words[-1]) == 0
    afe.configure(rate=500, lead_off_channels=[0])
    assert afe.sensed_inputs() == leads.p(0) | leads.n(0)
    _, words = record(board, afe, 60)
    assert afe.input_flags(words[-1]) == leads.p(0) | leads.n(0)
    with raises(ValueError, "lead_off_channels"):
        afe.configure(rate=500, lead_off_channels=[99])
    with raises(ValueError, "lead_off must be"):
        afe.configure(rate=500, lead_off="magic")
    clean(board)


def check_ac_lead_off(part):
    """The excitation swings at a quarter of the rate, by current x contact resistance."""
    board, afe = up(part)
    board.electrodes.set("all", ohms=0)
    board.electrodes.set("LA", ohms=1e6)
    amperes = min(afe.part.lead_off_amperes)
    afe.configure(rate=500, lead_off="ac", lead_off_amperes=amperes)
    columns, _ = record(board, afe, 200)
    swing = volts(afe, 0, max(columns[0]) - min(columns[0])) / 2
    assert abs(swing - amperes * 1e6) < 0.02 * amperes * 1e6, swing
    tail = [code > 0 for code in columns[0][-40:]]
    assert tail[:4] == tail[4:8] and sum(tail[:4]) == 2, tail
    clean(board)


def check_flip_turns_the_current_round(part):
    board, afe = up(part)
    board.electrodes.set("LA", on=False)
    afe.configure(rate=500)
    columns, _ = record(board, afe, 60)
    up_code = columns[0][-1]
    name = "LOFF_SENS" if afe.part.family == "two" else "LOFF_FLIP"
    afe.cache.set(name, "FLIP1", 1)
    afe.apply()
    columns, _ = record(board, afe, 60)
    assert up_code > 0 > columns[0][-1], (up_code, columns[0][-1])
    clean(board)


def check_right_leg_drive(part):
    """The loop closes through the chosen channels, the amplifier, its reference and the body."""
    board, afe = up(part)
    analog = board.afe.analog
    last = afe.channels - 1
    for channels in ((0,), (last,), range(afe.channels)):
        afe.configure(rate=500, rld=channels)
        p, n = (0x06, 0x06) if afe.part.family == "two" else (0x0D, 0x0E)
        if afe.part.family == "two":
            chosen = sum(3 << 2 * i for i in channels)
            assert board.afe.regs[p] & 0x0F == chosen, (channels, board.afe.regs[p])
        else:
            chosen = sum(1 << i for i in channels)
            assert board.afe.regs[p] == board.afe.regs[n] == chosen, channels
        assert analog.closed, channels
        board.electrodes.set("RL", on=False)
        run_ms(1)
        analog.refresh(board.afe.regs)
        assert not analog.closed
        board.electrodes.set("RL", on=True)
    for lead_off in (None, "dc"):
        afe.configure(rate=500, rld=None, lead_off=lead_off)
        assert not analog.closed
    with raises(ValueError, "rld names channel"):
        afe.configure(rate=500, rld=(8,))
    afe.configure(rate=500, inputs=["off"] * last + ["normal"])
    assert analog.closed  # by default: the first channel that is used
    afe.configure(rate=500, inputs="shorted")
    assert not analog.closed  # it hears the PGAs' outputs, and these see nobody
    clean(board)


def check_the_drive_is_measured_by_a_channel_of_its_own(part):
    board, afe = up(part)
    for inputs, closed in ((["normal", "rld"], True), (["rld", "rld"], False)):
        if afe.channels < 2:
            continue
        afe.configure(
            rate=500, gain=1, inputs=inputs + ["off"] * (afe.channels - 2), lead_off=None
        )
        columns, _ = record(board, afe, 100)
        near = abs(volts(afe, 1, columns[1][-1])) < 0.1
        assert near == closed, (inputs, columns[1][-1])
    clean(board)


def check_single_shot(part):
    k = [0]

    def count(lead, i):
        k[0] = i
        return i * 1e-3

    board, afe = up(part, count)
    with raises(RuntimeError, "single_shot"):
        afe.convert()
    afe.configure(rate=500, gain=1, single_shot=True, lead_off=None)
    frames = board.afe.frames
    for _ in range(3):
        status, codes = afe.convert()
        assert status & 0xF00000 == 0xC00000
        assert abs(volts(afe, 0, codes[0]) - k[0] * 1e-3) < 1e-4, (codes, k)
        assert len(codes) == afe.channels
        assert afe.audit() is None
    run_ms(100)
    assert board.afe.frames == frames + 3
    board.afe.faults["stuck_drdy"] = True
    with raises(OSError, "no DRDY"):
        afe.convert()
    clean(board)


def check_respiration(part):
    board, afe = up(part)
    if not afe.part.respiration:
        with raises(ValueError, "measures no respiration", "ADS1292R"):
            afe.configure(rate=500, respiration={})
        return
    rate = 250
    for hertz in (32000, 64000):
        offered = respiration.phases(afe.part, hertz)
        assert 112.5 in offered
        afe.configure(rate=rate, gain=4, lead_off=None, respiration={"hertz": hertz})
        columns, _ = record(board, afe, 8000)
        signal = columns[0]
        swing = volts(afe, 0, max(signal) - min(signal))
        # 0.5 ohm either way at 29 uA.
        assert abs(swing - 29e-6) < 4e-6, (hertz, swing)
        middle = (max(signal) + min(signal)) / 2
        rises = sum(signal[i - 1] < middle <= signal[i] for i in range(1, len(signal)))
        assert rises == 2, rises  # 15 breaths a minute
    board.electrodes.set("RA", on=False)  # no way for the current: the demodulator is at its end
    afe.configure(rate=rate, gain=4, lead_off=None, respiration={})
    columns, _ = record(board, afe, 200)
    assert columns[0][-1] == (1 << afe.part.bits - 1) - 1
    with raises(ValueError, "degrees must be one of", "112.5"):
        afe.configure(rate=rate, respiration={"degrees": 17})
    with raises(ValueError, "hertz must be one of"):
        afe.configure(rate=rate, respiration={"hertz": 50})
    clean(board)


def check_wilson_terminal(part):
    board, afe = up(part)
    if "WCT1" not in afe.part:
        with raises(ValueError, "Wilson"):
            afe.configure(rate=500, wct=True)
        return
    # Without it the chest leads have nothing to be measured against; the limb leads do.
    for given, chest in ((None, 0.001), (True, 0.001), (False, None)):
        board, afe = up(part, lambda lead, k: 0.001)
        if given is None:
            afe.configure(rate=500, lead_off=None)
        else:
            afe.configure(rate=500, lead_off=None, wct=given)
        wct = (0x09, 0xC2) if chest else (0, 0)
        assert (board.afe.regs[0x18], board.afe.regs[0x19]) == wct, bytes(board.afe.regs)
        columns, _ = record(board, afe, 60)
        limb = [volts(afe, 0, code) for code in columns[0][-20:]]
        assert max(abs(v - 0.001) for v in limb) < 3e-4, limb
        seen = [volts(afe, 2, code) for code in columns[2][-20:]]
        off = max(abs(v - 0.001) for v in seen)
        assert off < 3e-4 if chest else off > 1e-3, (given, off)
        clean(board)


def check_voltages_by_reference(part):
    board, afe = up(part, lambda lead, k: 0.1)
    for vref in afe.part.vrefs:
        afe.configure(rate=500, gain=4, vref=vref, lead_off=None)
        columns, _ = record(board, afe, 60)
        assert abs(volts(afe, 0, columns[0][-1]) - 0.1) < 2e-5, vref
    clean(board)


def check_settling_samples_are_not_delivered(part):
    """A change of rate restarts the filter: the first sample delivered is a settled one."""
    board, afe = up(part)
    for rate in (500, 1000):
        afe.configure(rate=rate)
        sampler = Sampler(afe, board)
        begun = kernel.now
        sampler.run()
        first = kernel.now - begun
        assert first >= afe.settling_ms() * 1000 - 2000, (rate, first)
        sampler.halt()
    clean(board)


def check_every_field_of_the_dump(part):
    board, afe = up(part)
    afe.configure(rate=500, gain=6)
    lines = afe.dump().split("\n")
    assert len(lines) == len(afe.part.registers)
    values = afe.read_registers()
    for register, line in zip(afe.part.registers, lines):
        words = line.split()
        assert words[0] == register.name
        assert words[1] == "0x%02X" % values[register.address]
    channel = [line for line in lines if line.startswith("CH1SET")][0]
    assert "gain=6" in channel and "mux=normal" in channel, channel
    clean(board)
