"""Checks of what an ADS1293 is told, bit by bit as SNAS602 has it, and of how it is left alone."""

from ads1293 import collect, running
from bench import Board, Steps, clean, kernel, raises, run_ms, vouch
from heap import no_heap

from monitor import sampler_core as core
from monitor.afe import errors
from monitor.afe.ads1293 import PoweredOff1293
from monitor.calibration import Calibration

# SNAS602 9.2.2, five electrodes, at 400 samples/s with 16 nA through each electrode. What is not
# named here keeps its reset value.
FIVE = {
    0x01: 0x11, 0x02: 0x19, 0x03: 0x2E,  # LA - RA, LL - RA, V1 - Wilson's terminal
    0x06: 0x00, 0x07: 0x17, 0x08: 0x02,  # direct current, into RA, LA, LL, V1
    0x0A: 0x07, 0x0C: 0x04,  # the common mode of the limbs drives the right leg
    0x0D: 0x01, 0x0E: 0x02, 0x0F: 0x03, 0x10: 0x01,  # Wilson's terminal of the limbs, on input 6
    0x12: 0x04,  # crystal
    0x21: 0x01, 0x22: 0x10, 0x23: 0x10, 0x24: 0x10, 0x25: 0x00,  # 102400 / (4 x 4 x 16)
    0x27: 0x08, 0x2F: 0x71, 0x00: 0x00,
}  # fmt: skip


def image(board, expected):
    from models.ads1293 import REGISTERS

    for address, (reset, writable) in REGISTERS.items():
        if writable:
            want = expected.get(address, reset)
            assert board.afe.regs[address] == want, (hex(address), board.afe.regs[address], want)


def check_every_register_is_what_the_sheet_asks_for(part):
    board = Board(part)
    afe = PoweredOff1293(board).power_up()
    afe.configure(rate=400)
    image(board, FIVE)
    one = dict(FIVE)
    for address in (0x02, 0x03, 0x0D, 0x0E, 0x0F, 0x10):
        one[address] = 0
    # What isn't used is switched off, and no current flows where nobody looks.
    one.update({0x07: 0x03, 0x14: 0b110110, 0x2F: 0x11})
    afe.configure(rate=400, channels=1)
    image(board, one)
    one.update({0x02: 0x19, 0x07: 0x07, 0x14: 0b100100, 0x2F: 0x31})
    afe.configure(rate=400, channels=2)
    image(board, one)
    bare = dict(FIVE)
    bare.update({0x06: 0x08, 0x07: 0x00, 0x08: 0x00, 0x0C: 0x08})
    afe.configure(rate=400, rld=False, lead_off_amperes=None)
    image(board, bare)
    bare.update({0x01: 0xC0, 0x02: 0xC0, 0x03: 0xC0})
    afe.configure(rate=400, rld=False, lead_off_amperes=None, inputs="shorted")
    image(board, bare)
    clean(board)


def check_a_reset_forgets_what_was_set(part):
    board = Board(part)
    afe = PoweredOff1293(board).power_up()
    afe.configure()
    PoweredOff1293(board).power_up()
    image(board, {})
    clean(board)


def check_lead_off_currents(part):
    board = Board(part)
    afe = PoweredOff1293(board).power_up()
    for amperes, steps in ((8e-9, 1), (2.04e-6, 255)):
        afe.configure(lead_off_amperes=amperes)
        assert board.afe.regs[0x08] == steps
    for amperes in (3e-9, 2.048e-6):
        with raises(ValueError, "lead_off_amperes must be within"):
            afe.configure(lead_off_amperes=amperes)


def check_the_inputs_that_are_sensed(part):
    """INnP = bit n - 1, INnN = bit 7 + n: RA is on the negative inputs of leads I and II."""
    board = Board(part)
    afe = PoweredOff1293(board).power_up()
    for channels, inputs in ((1, 0x101), (2, 0x303), (3, 0x307)):
        afe.configure(channels=channels)
        assert afe.sensed_inputs() == inputs, (channels, hex(afe.sensed_inputs()))
    afe.configure(lead_off_amperes=None)
    assert afe.sensed_inputs() == 0


def check_the_body_and_wilsons_terminal_are_held(part):
    """Nothing hums while the limbs drive the right leg; without it, everything does."""
    for rld, least, most in ((True, 0, 3e-6), (False, 0.4e-3, 0.6e-3)):
        board, afe, sampler = running(part, rld=rld)
        blocks, _ = collect(sampler, 200)
        for codes in zip(*[b[3] for b in blocks]):
            ends = [c * afe.nv_per_code() * 1e-9 for block in codes for c in block]
            assert least <= max(max(ends), -min(ends)) <= most, (rld, min(ends), max(ends))
        clean(board)


def check_stopped_is_stopped(part):
    board, afe, sampler = running(part)
    collect(sampler, 100)
    with raises(OSError, "stop() first") as caught:
        afe.configure()
    assert caught.error.code == errors.BUSY
    sampler.halt()
    done = board.afe.frames
    run_ms(100)
    assert board.afe.frames == done and not afe.running
    clean(board)


def check_shut_down_and_up_again(part):
    """By its pin where there is one: it stays low. Else by PWR_DOWN (SNAS602, CONFIG)."""
    for without in ((), ("RESET",)):
        board = Board(part, Steps(lambda lead, k: 0.0), without=without)
        afe = PoweredOff1293(board).power_up()
        afe.configure(rate=400)
        afe.start()
        run_ms(100)
        assert board.afe.frames > 20
        off = afe.shut_down()
        done = board.afe.frames
        run_ms(100)
        assert board.afe.frames == done and not afe.running
        assert board.pins.level("CS") == 1
        assert board.pins.level("RESET") == bool(without)
        assert bool(board.afe.regs[0] & 4) or not without
        afe = off.power_up()
        afe.configure(rate=400)
        afe.start()
        run_ms(100)
        assert board.afe.frames > done + 20
        clean(board)


def check_one_that_can_be_trusted_no_more_is_held_in_reset(part):
    for fault, value, code in (
        ("mute", True, errors.ABSENT),
        ("wrong_id", 0x00, errors.ABSENT),
        ("wrong_id", 0xFF, errors.ABSENT),
        ("wrong_id", 0x55, errors.WRONG_ID),
    ):
        board = Board(part)
        board.afe.faults[fault] = value
        with raises(OSError) as caught:
            PoweredOff1293(board).power_up()
        assert caught.error.code == code, (fault, value, caught.error.code)
        assert board.pins.level("RESET") == 0 and board.pins.level("CS") == 1
        board, afe, sampler = running(part)
        board.afe.faults[fault] = value
        with raises(OSError) as caught:
            afe.recover()
        assert caught.error.code == code, (fault, value, caught.error.code)
        assert board.pins.level("RESET") == 0 and board.pins.level("CS") == 1
        assert not afe.running


def check_recovery_begins_with_a_reset(part):
    board = Board(part)
    resets = []
    board.pins.watch("RESET", resets.append)
    afe = PoweredOff1293(board).power_up()
    afe.configure(rate=400)
    afe.start()
    resets[:] = []
    afe.recover()
    assert resets == [0, 1] and not afe.running
    image(board, FIVE)
    clean(board)


def check_every_register_is_audited(part):
    board, afe, sampler = running(part)
    assert afe.audit() is None  # START_CON, which says that it runs, is no difference
    for register in afe.part.registers:
        if not register.compared():
            continue
        for bit in range(8):
            if register.compared() >> bit & 1 and (register.address or bit):
                board.afe.regs[register.address] ^= 1 << bit
                found = afe.audit()
                assert found is register, (register.name, bit, found)
                board.afe.regs[register.address] ^= 1 << bit
    board.afe.regs[0x27] ^= 1
    board.afe.regs[0x0A] ^= 1
    assert afe.audit().name == "DRDYB_SRC"  # the last of two
    assert afe.audit() is not None  # (and it stays so)


def check_the_first_frame_comes_when_the_filters_have_settled(part):
    """Six periods, by the model; the driver's figure covers them, and not by much."""
    board = Board(part, Steps(lambda lead, k: 0.0))
    afe = PoweredOff1293(board).power_up()
    for rate in afe.part.rates:
        afe.configure(rate=rate)
        done, begun = board.afe.frames, kernel.now
        afe.start()
        while board.afe.frames == done:
            kernel.run_until(kernel.now + 100)
        took = (kernel.now - begun) / 1000
        assert took <= afe.settling_ms() <= took + 1.1, (rate, took, afe.settling_ms())
        afe.stop()


def check_a_frame_that_the_next_one_runs_into_is_never_delivered(part):
    """A handler that comes a little before the next conversion reads bits of both."""
    board, afe, sampler = running(part, lambda lead, k: (k % 1000) * 1e-5)
    collect(sampler, 3000)  # (the clock is known)
    lost = sampler.lost
    for late in range(0, 25, 2):  # a frame takes 22 us
        kernel.run_until(board.afe._next_ns // 1000 - 200)
        board.mask(200 + 2500 - late)
        for start, gap, reason, codes in collect(sampler, 40)[0]:
            assert not gap or reason == core.OVERRUN, (late, gap, reason)
            for i, code in enumerate(codes[0]):
                k = round(code * afe.nv_per_code() * 1e-9 / 1e-5)
                assert k == (start + i) % 1000, (late, k, start + i)
    assert board.afe.torn > 5 and sampler.bad_frames == 0
    # The one that was torn, and at the most the one behind it, which seems to come early.
    assert 13 <= sampler.lost - lost <= 26, sampler.lost - lost
    clean(board)


def check_an_edge_that_was_read_already_is_no_frame(part):
    board, afe, sampler = running(part)
    collect(sampler, 100)
    run_ms(1)
    while board.pins.level("DRDY") == 0:
        kernel.run_until(kernel.now + 50)
    frames = sampler._state[core.FRAMES]
    for _ in range(20):
        board._call()
    assert sampler._state[core.FRAMES] == frames
    blocks, faults = collect(sampler, 100)
    assert blocks and not faults, faults  # nor does it look like a part that is too fast
    assert sampler.lost == 0 and sampler.bad_frames == 0
    clean(board)


def check_leads_are_asked_for_with_every_eighth_frame(part):
    for options, share in (({}, 8), ({"lead_off_amperes": None}, 0)):
        board, afe, sampler = running(part, **options)
        board.log = []
        for _ in range(50):
            run_ms(20)
            while sampler.take():
                pass
        frames = sum(1 for n, _ in board.log if n == afe.part.frame_bytes)
        asked = sum(1 for n, _ in board.log if n == 2)
        assert frames > 390
        assert abs(asked - (frames / share if share else 0)) <= 1, (frames, asked)
        clean(board)


def check_a_known_signal_sets_the_scale(part):
    board = Board(part)
    afe = PoweredOff1293(board).power_up()
    nominal = afe.nv_per_code()
    afe.calibration = Calibration(part, "2026-01-02", [10000] * 3, [0] * 3, 0, "1000 uV")
    assert abs(afe.nv_per_code(2) * 1.01 - nominal) < 1e-6 * nominal


def check_a_channel_with_noisy_contacts_is_noisy(part):
    board, afe, sampler = running(part)
    board.afe.quiet = False
    spreads = []
    for noise in (0, 50):
        board.electrodes.set("V1", noise_uv=noise)
        vouch(sampler)
        blocks, _ = collect(sampler, 500)
        for channel in (0, 2):
            codes = [c for b in blocks for c in b[3][channel]]
            mean = sum(codes) / len(codes)
            rms = (sum((c - mean) ** 2 for c in codes) / len(codes)) ** 0.5
            spreads.append(rms * afe.nv_per_code() / 1000)
    assert all(s < 3 for s in spreads[:3]), spreads
    assert 35 < spreads[3] < 65, spreads


def check_an_audit_allocates_nothing(part):
    """While it holds the sampler's interrupt off, a collection would cost samples."""
    board, afe, sampler = running(part)
    run_ms(100)
    vouch(sampler)
    assert no_heap(board, sampler) == 4  # CS, all registers, CS; once more
    sampler.halt()
    clean(board)


def check_a_frame_that_falls_due_behind_an_audit_is_read(part):
    board, afe, sampler = running(part)
    collect(sampler, 300)
    read = afe._read_all

    def late():
        read()
        kernel.run_until(board.afe._next_ns // 1000 + 20)

    afe._read_all = late
    assert sum(len(block[3][0]) for block in collect(sampler, 1000)[0]) > 300
    assert sampler.lost == sampler.faults == 0, (sampler.lost, sampler.last_fault_text)
    clean(board)
