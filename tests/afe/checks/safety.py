"""Checks of what the driver leaves behind: errors, recovery; and of single conversions."""

from bench import Board, Steps, clean, kernel, raises, run_ms

from monitor.afe import errors, parts
from monitor.afe.driver import PoweredOff


def up(part, volts=lambda lead, k: 0.0, **options):
    board = Board(part, Steps(volts), **options)
    board.afe.analog.quiet = True
    return board, PoweredOff(board).power_up()


def safe(board):
    """Powered down, not converting, the bus free."""
    levels = [board.pins.level(name) for name in ("RESET", "PWDN", "START", "CS")]
    assert levels == [0, 0, 0, 1], levels


def check_held_off(part):
    board = Board(part)
    for name in ("START", "RESET", "PWDN"):
        board.pins.drive(name, 1)
    PoweredOff(board).hold()
    safe(board)


def check_shut_down_leaves_it_safe(part):
    board, afe = up(part)
    afe.configure(rate=500)
    afe.start()
    afe.shut_down()
    safe(board)
    assert not afe.running
    clean(board)


def check_stopped_it_leaves_the_bus_free(part):
    board, afe = up(part)
    afe.configure(rate=500)
    for _ in range(2):
        afe.start()
        assert board.pins.level("CS") == 0
        run_ms(20)
        afe.stop()
        levels = [board.pins.level(name) for name in ("RESET", "START", "CS")]
        assert levels == [1, 0, 1], levels
        assert not afe.bus.streaming
        assert afe.audit() is None
    clean(board)


def check_a_bus_that_breaks_leaves_it_safe(part):
    """Whichever transfer of a start or a configuration fails."""
    for act in ("configure", "start", "convert"):
        for after in range(3):
            board, afe = up(part)
            afe.configure(rate=500, single_shot=act == "convert")
            exchange = board.afe.exchange
            left = [after]

            def broken(*args):
                left[0] -= 1
                if left[0] < 0:
                    raise OSError(5)
                exchange(*args)

            board.afe.exchange = broken
            try:
                if act == "configure":
                    afe.configure(rate=1000)
                else:
                    getattr(afe, act)()
                assert after, act
                continue  # so many transfers it does not take
            except OSError as error:
                assert error.args[0] == 5
            safe(board)
            assert not afe.running and not afe.bus.streaming


def check_no_drdy_in_a_single_conversion_leaves_it_safe(part):
    board, afe = up(part)
    afe.configure(rate=500, single_shot=True)
    board.afe.faults["stuck_drdy"] = True
    with raises(OSError, "no DRDY") as caught:
        afe.convert()
    assert caught.error.code == errors.NO_DRDY
    safe(board)


def check_codes_of_single_conversions(part):
    """Both signs and both rails, with and without a START pin."""
    volts = (1e-3, -1e-3, 9.0, -9.0, -37e-6)
    for without in ((), ("START",)):
        at = [0]
        board, afe = up(part, lambda lead, k: volts[at[0]], without=without)
        afe.configure(rate=500, gain=4, single_shot=True, lead_off=None)
        top = (1 << afe.part.bits - 1) - 1
        for at[0], value in enumerate(volts):
            _, codes = afe.convert()
            want = max(-top - 1, min(top, round(value * 4 * top / afe.vref)))
            for code in codes:
                assert abs(code - want) <= 1, (value, codes, want)
        clean(board)


def check_single_conversions_are_not_for_a_running_part(part):
    board, afe = up(part)
    afe.configure(rate=500, single_shot=True)
    afe.start()
    with raises(OSError, "convert once", "stop() first"):
        afe.convert()


def check_a_frame_that_does_not_begin_with_1100(part):
    _, afe = up(part)
    frame = bytearray(afe.part.frame_bytes)
    frame[0] = 0xC0
    afe.decode(frame)
    for first in (0x00, 0x60, 0xD0, 0xFF):
        frame[0] = first
        with raises(OSError, "not with 1100") as caught:
            afe.decode(frame)
        assert caught.error.code == errors.OUT_OF_SYNC


def check_channels_that_are_off_are_powered_down(part):
    board, afe = up(part)
    inputs = ["off"] * afe.channels
    inputs[0] = "normal"
    afe.configure(rate=500, inputs=inputs)
    for i in range(afe.part.slots):
        register = afe.part["CH%dSET" % (i + 1)]
        value = board.afe.regs[register.address]
        assert register.get(value, "PD") == (0 if i == 0 else 1), (i, value)
        assert register.get(value, "MUX") == (0 if i == 0 else 1), (i, value)
    assert afe.sensed_inputs() & 0xFFFF == 0x0101  # nothing is sensed there either
    clean(board)


def check_recovery_takes_the_power_away(part):
    """Longer than 2^9 tMOD, 4 ms: a pulse on RESET alone brings back less."""
    board, afe = up(part)
    afe.configure(rate=500, gain=8)
    wanted = bytes(afe.cache.wanted)
    afe.start()
    run_ms(50)
    fell, rose = [], []
    for name in ("RESET", "PWDN"):
        board.pins.watch(name, lambda level: (rose if level else fell).append(kernel.now))
    afe.recover()
    assert rose[0] - fell[0] > 4000, (fell, rose)
    assert not afe.running and not afe.bus.streaming
    read = afe.read_registers()
    for register in afe.part.registers:
        i = register.address
        assert not (read[i] ^ wanted[i]) & register.compared(), register.name
    afe.start()
    frames = board.afe.frames
    run_ms(100)
    assert board.afe.frames > frames + 10
    clean(board)


def check_another_part_is_not_recovered(part):
    board, afe = up(part)
    afe.configure(rate=500)
    other = "ADS1296" if part != "ADS1296" else "ADS1294"
    board.afe.faults["wrong_id"] = parts.find(other).id
    with raises(OSError, part, other) as caught:
        afe.recover()
    assert caught.error.code == errors.WRONG_ID
    safe(board)


def check_one_right_reading_of_three_is_right(part):
    """A bit that falls over on the bus is no register that changed; three in a row are one."""
    for wrong, found, readings in ((0, None, 1), (2, None, 3), (3, "CH1SET", 3)):
        board, afe = up(part)
        afe.configure(rate=500)
        exchange = board.afe.exchange
        left = [wrong]
        read = []

        def flip(tx, rx, *more):
            exchange(tx, rx, *more)
            if rx is not None and tx[0] == 0x20:
                read.append(1)
                if left[0]:
                    left[0] -= 1
                    rx[2 + afe.part["CH1SET"].address] ^= 0x10

        board.afe.exchange = flip
        changed = afe.audit()
        assert (changed.name if changed else None) == found, wrong
        assert len(read) == readings  # a right one is enough: samples wait meanwhile
        afe.start()
        run_ms(50)
        left[0] = wrong
        changed = afe.audit_running()
        assert (changed.name if changed else None) == found, wrong
