"""Checks that the model of an ADS1293 complains of every broken rule, and forgives none."""

from bench import Board, Steps, clean, kernel, run_ms

NAME = "ADS1293"


def send(board, *data, baudrate=4000000, mode=0, select=True):
    """What comes back for `data` in one go."""
    rx = bytearray(len(data))
    if select:
        board.pins.drive("CS", 0)
    board.afe.exchange(bytes(data), rx, kernel.now, baudrate, mode)
    kernel.run_until(kernel.now + 8 * len(data) * 1000000 // baudrate + 1)
    board.pins.drive("CS", 1)
    return bytes(rx)


def ready(volts=lambda lead, k: 0.0, wait=100):
    board = Board(NAME, Steps(volts))
    board.afe.quiet = True
    board.electrodes.set("all", ohms=0)
    run_ms(wait)
    return board


def write(board, **registers):
    for name in sorted(registers, reverse=True):  # CONFIG, r00, comes last
        send(board, int(name[1:], 16), registers[name])


FIVE = {
    "r01": 0x11, "r02": 0x19, "r03": 0x2E, "r0a": 7, "r0c": 4, "r0d": 1, "r0e": 2, "r0f": 3,
    "r10": 1, "r12": 4, "r21": 1, "r22": 16, "r23": 16, "r24": 16, "r27": 8, "r2f": 0x71,
}  # fmt: skip


def converting(volts=lambda lead, k: 0.0, **changed):
    board = ready(volts)
    write(board, r00=1, **dict(FIVE, **changed))
    return board


def complains(board, *words):
    assert len(board.afe.complaints) >= 1, "nothing was complained of"
    text = "\n".join(board.afe.complaints)
    for word in words:
        assert word in text, (word, text)
    board.afe.complaints[:] = []


def codes(board):
    """The next frame's codes."""
    done = board.afe.frames
    while board.afe.frames == done:
        kernel.run_until(kernel.now + 100)
    frame = send(board, 0xD0, *[0] * 10)
    assert frame[1] & 0xE0 == 0xE0, frame
    return [frame[i] << 16 | frame[i + 1] << 8 | frame[i + 2] for i in (2, 5, 8)]


def volts(board):
    return [(code / board.afe.adc_max - 0.5) * 4.8 / 3.5 for code in codes(board)]


def check_each_broken_rule_is_told(part):
    board = ready(wait=40)
    assert send(board, 0xC0, 0)[1] == 0
    complains(board, "before the crystal")
    board = ready()
    assert send(board, 0xC0, 0)[1] == 1
    clean(board)
    send(board, 0xC0, 0, mode=1)
    complains(board, "mode 1", "mode 0")
    send(board, 0xC0, 0, baudrate=20000000)
    clean(board)
    send(board, 0xC0, 0, baudrate=20000001)
    complains(board, "20 MHz at most")
    send(board, 0x02)
    complains(board, "before the 16th clock")
    send(board, 0x16, 0)
    complains(board, "0x16", "reserved")
    send(board, 0x40, 1)
    complains(board, "0x01 to register 0x40")
    send(board, 0x0A, 0x40)
    complains(board, "0x40 to register 0x0A", "reserved bits")
    assert send(board, 0x8A, 0)[1] == 0
    send(board, 0xD1, 0)
    complains(board, "0x51", "does not exist")
    board.pins.drive("RESET", 0)
    assert send(board, 0xC0, 0)[1] == 0xFF
    complains(board, "held in reset")
    board.pins.drive("RESET", 1)
    run_ms(40)
    send(board, 0xC0, 0)
    complains(board, "before the crystal")


def check_nothing_is_heard_without_its_select(part):
    board = ready()
    assert send(board, 0x21, 0x02, select=False) == b"\xff\xff"
    assert send(board, 0xA1, 0)[1] == 0x08
    board.afe.power(False)
    assert send(board, 0xA1, 0)[1] == 0xFF
    clean(board)


def check_conversions_need_all_that_they_need(part):
    for changed, words in (
        ({"r21": 3}, "one-hot"),
        ({"r22": 0}, "one-hot"),
        ({"r12": 0}, "OSC_CN"),
        ({"r23": 32}, "rates of their own"),
        ({"r25": 4}, "rates of their own"),
    ):
        board = converting(**changed)
        complains(board, words)
    for standby in (2, 4):
        board = ready()
        write(board, r00=1 | standby, **FIVE)
        complains(board, "standby")
        run_ms(100)
        assert board.afe.frames == 0
    board = converting(r14=0b100100, r24=32)  # a channel that is off may have any rate
    run_ms(30)
    clean(board)
    send(board, 0x01, 0x11)
    complains(board, "0x01 written while it converts")
    for source, told in ((0x00, False), (0x20, False), (0x10, True)):
        board = converting(r14=0b100100, r24=32, r27=source)
        run_ms(30)
        assert board.afe.frames > 3 and (board.pins.level("DRDY") == 0) == told, source
        status = send(board, 0xD0, 0)[1]
        assert status == 0x60, status
        assert board.pins.level("DRDY") == 1
        assert send(board, 0xB0, 0)[1] == 0
        clean(board)


def check_frames_that_nobody_reads_are_counted(part):
    board = converting()
    begun = kernel.now
    while not board.afe.frames:
        kernel.run_until(kernel.now + 50)
    assert 14900 <= kernel.now - begun <= 15100  # six periods
    send(board, 0xD0, 0)
    codes(board)
    assert board.afe.unread == 0
    kernel.run_until(kernel.now + 5100)
    assert board.afe.unread == 1  # of two, the older
    codes(board)
    assert board.afe.unread == 2 and board.afe.torn == 0
    kernel.run_until(board.afe._next_ns // 1000 - 10)
    send(board, 0xD0, *[0] * 10)
    assert 0 < board.afe.torn < 10


def check_the_frame_is_what_was_enabled(part):
    board = converting(lambda lead, k: 1e-3 * (lead + 1))
    one = codes(board)
    board.afe.regs[0x2F] = 0x20  # channel 2 alone, no status
    frame = send(board, 0xD0, *[0] * 5)
    assert frame[1] << 16 | frame[2] << 8 | frame[3] == one[1] and frame[4:] == b"\0\0"
    # The data registers by auto-increment.
    frame = send(board, 0xB7, *[0] * 9)
    assert [frame[i] << 16 | frame[i + 1] << 8 | frame[i + 2] for i in (1, 4, 7)] == one
    # Offset binary: mid-scale and 3.5 / 4.8 of ADCMAX a volt.
    assert one[0] == round((3.5 * 1e-3 / 4.8 + 0.5) * 0x800000), one


def check_the_terminal_is_there_while_it_is_made(part):
    """V1 against the mean of the limbs; without its amplifiers input 6 floats."""
    leads = (0.9e-3, -0.3e-3, 0.7e-3)
    board = converting(lambda lead, k: leads[lead % 3])
    seen = volts(board)
    assert all(abs(a - b) < 1e-6 for a, b in zip(seen, leads)), seen
    clean(board)
    for changed in ({"r10": 0}, {"r10": 3}, {"r0d": 0, "r0e": 0, "r0f": 0}):
        board = converting(lambda lead, k: leads[lead % 3], **changed)
        seen = [volts(board)[2] for _ in range(8)]  # a period of the mains
        assert max(seen) - min(seen) > 5e-3, (changed, seen)
    board = converting(lambda lead, k: leads[lead % 3], r0e=0)  # of RA and LL alone
    seen = volts(board)
    assert abs(seen[2] - (0.9e-3 - 0.3e-3) / 3 - leads[2] - 0.15e-3) < 1e-6, seen


def check_the_body_hums_unless_it_is_driven(part):
    def swing(off=(), **changed):
        board = converting(**changed)
        for name in off:
            board.electrodes.set(name, on=False)
        seen = [volts(board)[0] for _ in range(8)]
        return max(seen) - min(seen)

    assert swing() < 2e-6
    for changed in ({"r0a": 0}, {"r0c": 0}, {"r0c": 0x0C}, {"r0c": 5}):
        assert 0.8e-3 < swing(**changed) < 1.1e-3, (changed, swing(**changed))
    assert 0.8e-3 < swing(off=("RL",)) < 1.1e-3
    assert swing(off=("LL", "V1")) < 2e-6
    assert 9e-3 < swing(off=("LA",)) < 11e-3  # nothing holds its input
    assert swing(off=("LA",), r06=0, r07=2, r08=2) < 2e-6  # a current brings it to the rail


def check_lead_off_needs_a_way_back(part):
    """The right leg's: without it, every electrode that is sensed seems to be off."""
    for off, flags in (((), 0), (("LL",), 0b100), (("RL",), 0b10111)):
        board = converting(r06=0, r07=0x17, r08=2)
        for name in off:
            board.electrodes.set(name, on=False)
        codes(board)
        assert send(board, 0x98, 0)[1] == flags, (off, flags)
