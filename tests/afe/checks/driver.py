"""Checks of the driver that hold for every part of the family: each gets the part's name."""

from bench import Board, clean, kernel, raises, run_ms

from monitor.afe import errors, probe
from monitor.afe.bus import RDATAC
from monitor.afe.driver import PoweredOff


def up(part, **options):
    board = Board(part, **options)
    return board, PoweredOff(board).power_up()


def check_found_by_id(part):
    board, afe = up(part)
    assert afe.part.name == part, afe.part.name
    clean(board)


def check_registers_after_reset(part):
    board, afe = up(part)
    read = afe.read_registers()
    for register in afe.part.registers[1:]:
        assert read[register.address] == register.reset, register.name
    clean(board)


def check_default_configuration(part):
    board, afe = up(part)
    rate = 250 if 250 in afe.part.rates or 250 in afe.part.low_power_rates else 500
    afe.configure(rate=rate, gain=6)
    read = afe.read_registers()
    for register in afe.part.registers[1:]:
        assert register.absent or register.valid(read[register.address]), register.name
    assert abs(afe.nv_per_code() - afe.vref * 1e9 / ((1 << afe.part.bits - 1) - 1) / 6) < 1e-6
    assert "CH1SET" in afe.dump()
    clean(board)


def check_every_rate_and_gain_is_written(part):
    board, afe = up(part)
    every = list(afe.part.rates) + list(afe.part.low_power_rates)
    for rate in every:
        afe.configure(rate=rate, gain=6)
        run_ms(1)
        assert board.afe.analog.rate(board.afe.regs) == rate, rate
    for gain in afe.part.gains:
        afe.configure(rate=every[0], gain=gain)
        for channel in range(afe.channels):
            register = afe.part["CH%dSET" % (channel + 1)]
            code = register.get(board.afe.regs[register.address], "GAIN")
            assert afe.part.gains[gain] == code
    clean(board)


def check_wrong_arguments_list_what_there_is(part):
    board, afe = up(part)
    with raises(ValueError, "rate must be one of", "500", part):
        afe.configure(rate=333)
    with raises(ValueError, "gain must be one of", "12", part):
        afe.configure(rate=500, gain=5)
    with raises(ValueError, "input must be one of", "shorted", "test"):
        afe.configure(rate=500, inputs="antenna")
    with raises(ValueError, "vref must be one of"):
        afe.configure(rate=500, vref=3.3)
    with raises(ValueError, "lead_off_amperes must be one of"):
        afe.configure(rate=500, lead_off_amperes=1.0)
    with raises(ValueError, "lead_off_percent must be one of"):
        afe.configure(rate=500, lead_off_percent=50)
    with raises(ValueError, "no feature"):
        afe.configure(rate=500, coffee=True)
    with raises(ValueError, "channels"):
        afe.configure(rate=500, gain=[6] * 9)
    clean(board)


def check_nothing_answers(part):
    board = Board(part)
    board.afe.faults["mute"] = True
    both = (
        "ADS1293, REVID in SPI mode 0: 0xFF 0xFF 0xFF;",
        "ADS1x9x, ID in SPI mode 1: 0xFF 0xFF)",
    )
    with raises(OSError, "no front end answers", "check", *both) as caught:
        PoweredOff(board).power_up()
    assert caught.error.code == errors.ABSENT
    assert board.pins.level("RESET") == 0 and board.pins.level("START") == 0


def check_the_question_for_an_ads1293_does_nothing(part):
    """Whatever state the part is in: registers and conversions stay as they are."""
    board, afe = up(part)
    afe.configure(rate=500)
    before = afe.read_registers()
    assert not probe.looks_like_1293(probe.revid(afe.bus))
    assert afe.read_registers() == before
    afe.bus.command(RDATAC)
    assert not probe.looks_like_1293(probe.revid(afe.bus))
    clean(board)
    board.spi(400000, phase=0).write(bytes((0x11,)))  # an opcode is one in any mode
    assert board.afe.complaints.pop().endswith("the part needs mode 1")


def check_a_part_that_looked_like_an_ads1293(part):
    """What was read before the reset counts only if it is read again after it."""
    board = Board(part)
    resets = []
    board.pins.watch("RESET", resets.append)
    exchange = board.afe.exchange

    def odd(tx, rx, t_us, baudrate, mode=1):
        exchange(tx, rx, t_us, baudrate, mode)
        if mode == 0 and not resets:
            rx[1] = 1

    board.afe.exchange = odd
    assert PoweredOff(board).power_up().part.name == part
    assert 0 in resets


def check_a_named_part_is_asked_for_alone(part):
    board = Board(part, wanted=part)
    board.afe.faults["mute"] = True
    with raises(OSError, "no front end answers", "ADS1x9x") as caught:
        PoweredOff(board).power_up()
    assert "ADS1293" not in str(caught.error)


def check_wrong_id(part):
    board = Board(part)
    board.afe.faults["wrong_id"] = 0x35
    resets = []
    board.pins.watch("RESET", resets.append)
    with raises(OSError, "0x35", "pin reset") as caught:
        PoweredOff(board).power_up()
    assert caught.error.code == errors.WRONG_ID
    assert resets.count(1) == 2, resets
    clean(board)


def check_wrong_id_once(part):
    board = Board(part)
    board.afe.faults["wrong_id"] = 0x35
    seen = []

    def heal(level):
        seen.append(level)
        if seen.count(1) == 2:
            board.afe.faults["wrong_id"] = None

    board.pins.watch("RESET", heal)
    assert PoweredOff(board).power_up().part.name == part
    clean(board)


def check_not_the_boards_part(part):
    other = "ADS1298" if part != "ADS1298" else "ADS1292"
    with raises(OSError, part, other):
        PoweredOff(Board(part, wanted=other)).power_up()


def check_mismatch_is_named_and_safe(part):
    board, afe = up(part)
    write = board.afe._write

    def stuck(address, value):
        write(address, value & 0xEF if address == afe.part["CH1SET"].address else value)

    board.afe._write = stuck
    with raises(OSError, "CH1SET", "gain=") as caught:
        afe.configure(rate=500, gain=[g for g in afe.part.gains if afe.part.gains[g] & 1][0])
    assert caught.error.code == errors.MISMATCH
    assert board.pins.level("RESET") == 0 and board.pins.level("CS") == 1


def check_no_register_access_while_running(part):
    board, afe = up(part)
    afe.configure(rate=500)
    afe.start()
    with raises(OSError, "stop() first"):
        afe.dump()
    with raises(OSError, "stop() first"):
        afe.configure(rate=500)
    afe.stop()
    afe.dump()
    clean(board)


def check_start_needs_configuration(part):
    _, afe = up(part)
    with raises(RuntimeError, "configure"):
        afe.start()


def check_works_without_start_and_reset_pins(part):
    board, afe = up(part, without=("START", "RESET", "PWDN"))
    afe.configure(rate=500)
    afe.start()
    run_ms(100)
    assert board.afe.frames > 10
    afe.stop()
    frames = board.afe.frames
    run_ms(100)
    assert board.afe.frames == frames
    clean(board)


def check_standby_and_wake(part):
    board, afe = up(part)
    afe.configure(rate=500)
    afe.standby()
    run_ms(20)
    afe.wake()
    afe.start()
    run_ms(100)
    assert board.afe.frames > 10
    afe.stop()
    clean(board)


def check_shut_down_and_up_again(part):
    board, afe = up(part)
    afe.configure(rate=500)
    afe.start()
    off = afe.shut_down()
    assert not hasattr(off, "start")
    frames = board.afe.frames
    run_ms(100)
    assert board.afe.frames == frames
    again = off.power_up()
    again.configure(rate=500)
    again.start()
    run_ms(100)
    assert board.afe.frames > frames
    clean(board)


def check_cache_changes_one_field_only(part):
    board, afe = up(part)
    afe.configure(rate=500, gain=6)
    before = bytes(afe.cache.wanted)
    afe.cache.set("CONFIG1", "DR", 3)
    after = bytes(afe.cache.wanted)
    changed = [i for i in range(len(before)) if before[i] != after[i]]
    assert changed == [1], changed
    clean(board)


def check_settling_is_what_the_model_takes(part):
    board, afe = up(part)
    for rate in list(afe.part.rates) + list(afe.part.low_power_rates):
        afe.configure(rate=rate)
        frames = board.afe.frames
        afe.start()
        begun = kernel.now
        while board.afe.frames == frames:
            kernel.run_until(kernel.now + 20)
            assert kernel.now - begun < 1000 * afe.settling_ms() + 1000, rate
        assert kernel.now - begun > 1000 * (afe.settling_ms() - 2), rate
        afe.stop()
    clean(board)


def check_every_wait_suits_a_slow_clock(part):
    """An oscillator at its limit of -2.5 %: every wait of the whole life still holds."""
    board = Board(part, powered=False)
    board.afe.faults["clock_ppm"] = -25000
    board.afe.power(True)
    afe = PoweredOff(board).power_up()
    afe.configure(rate=500, gain=6)
    afe.dump()
    afe.standby()
    afe.wake()
    afe.start()
    run_ms(50)
    afe.audit_running()
    run_ms(50)
    afe.stop()
    off = afe.shut_down()
    run_ms(20)
    off.power_up().configure(rate=500)
    clean(board)


def check_a_wait_left_out_is_told(part):
    """Each wait of our own driver left out in turn: the model must notice every one."""
    from monitor.afe import bus as wires

    class Hasty(wires.Bus):
        skip = None

        def select(self, on):
            if self.skip != "select" or on:
                return wires.Bus.select(self, on)
            self.cs(1)

        def power_up(self):
            if self.skip != "power_up":
                return wires.Bus.power_up(self)
            self.cs(1)

        def reset(self):
            if self.skip != "reset":
                return wires.Bus.reset(self)
            self.reset_pin(0)
            run_ms(1)
            self.reset_pin(1)

        def slow(self):
            self.spi = self.board.spi(8000000 if self.skip == "decode" else 400000)

    for skip in ("select", "power_up", "reset", "decode"):
        board = Board(part)
        bus = Hasty(board)
        bus.skip = skip
        try:
            PoweredOff(board, bus).power_up().read_registers()
        except OSError:
            pass
        assert board.afe.complaints, skip
