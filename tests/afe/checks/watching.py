"""Checks of the sampler's watch: pauses, the clock, and that one fault is one recovery."""

from bench import Board, Steps, clean, kernel, run_ms, vouch
from sampling import collect, running

from monitor import sampler_core as core
from monitor.afe import errors
from monitor.afe.driver import PoweredOff
from monitor.sampler import Sampler


def check_a_pause_is_a_gap_with_its_reason(part):
    for reason in (core.PAUSED, core.TESTED):
        board, afe, sampler = running(part, rate=500)
        collect(board, sampler, 300)
        sampler.pause(reason)
        sampler.pause(core.OVERRUN)  # it is paused already: nothing
        assert sampler.paused == reason and not sampler.running and not afe.running
        while sampler.take():
            pass
        index, began, frames = sampler.index, kernel.now, board.afe.frames
        assert index >= frames - 1  # what was there before is not lost
        _, faults = collect(board, sampler, 1500)
        assert not faults and board.afe.frames == frames
        # Time goes on, for whoever asks meanwhile.
        assert abs(sampler.newest()[0] - index - 750) < 20, (sampler.newest(), index)
        sampler.resume()
        sampler.resume()  # it runs already: nothing
        assert not sampler.paused and sampler.running
        blocks, faults = collect(board, sampler, 300)
        assert not faults
        start, gap, why, _, _ = blocks[0]
        assert why == reason and start == index + gap, (blocks[0][:4], index)
        assert all(b[1] == 0 for b in blocks[1:])
        expected = (kernel.now - began) // 2000
        assert abs(sampler.index - index - expected) < 12, (sampler.index - index, expected)
        clean(board)


def check_a_part_that_is_gone_can_be_paused_too(part):
    board, afe, sampler = running(part, rate=500)
    collect(board, sampler, 300)
    board.afe.power(False)
    board.afe.faults["mute"] = True
    sampler.pause()
    sampler.resume()
    assert sampler.last_fault_text and sampler.last_fault
    assert not sampler.paused
    _, faults = collect(board, sampler, 1200)
    assert len(faults) >= 2, faults  # tried again and again
    board.afe.faults["mute"] = False
    board.afe.power(True)
    blocks, _ = collect(board, sampler, 1500)
    assert blocks and sampler.running
    gaps = sampler.gaps
    _, faults = collect(board, sampler, 2000)
    assert not faults and sampler.gaps == gaps  # and then no more


def check_one_fault_is_one_recovery(part):
    board, afe, sampler = running(part, rate=500, gain=12)
    collect(board, sampler, 300)
    resets = []
    board.pins.watch("RESET", resets.append)
    board.afe.regs[afe.part["CH1SET"].address] ^= 0x10
    _, faults = collect(board, sampler, 4000)
    assert faults == [errors.CHANGED], faults
    assert (sampler.faults, sampler.last_fault) == (1, errors.CHANGED)
    assert "CH1SET" in sampler.last_fault_text
    assert resets.count(0) == 2, resets  # the power away, then a pulse: once
    gaps = sampler.gaps
    collect(board, sampler, 1000)
    assert sampler.gaps == gaps
    board.afe.regs[afe.part["CH1SET"].address] ^= 0x10
    _, faults = collect(board, sampler, 2000)
    assert faults == [errors.CHANGED] and sampler.faults == 2
    clean(board)


def check_frames_that_never_begin_with_1100(part):
    """A part out of step, as after a glitch on SCLK: told as that, and restarted."""
    board, afe, sampler = running(part, rate=500)
    collect(board, sampler, 300)
    exchange = board.afe.exchange

    def shifted(tx, rx, *more):
        exchange(tx, rx, *more)
        if rx is not None and len(rx) == afe.part.frame_bytes:
            rx[0] = 0x60

    board.afe.exchange = shifted
    began = kernel.now
    faults = []
    while not faults:
        _, faults = collect(board, sampler, 20)
    assert faults == [errors.OUT_OF_SYNC], faults
    assert kernel.now - began < 1000000
    assert "1100" in sampler.last_fault_text
    board.afe.exchange = exchange
    blocks, _ = collect(board, sampler, 1500)
    assert blocks and sampler.running


def check_a_part_that_converts_too_fast(part):
    """Its extra frames are none of ours: after the first dozens they are a fault."""
    board = Board(part)
    afe = PoweredOff(board).power_up()
    rate = 250 if 250 in afe.part.rates or 250 in afe.part.low_power_rates else 500
    afe.configure(rate=rate)
    sampler = Sampler(afe, board)
    sampler.run()
    collect(board, sampler, 300)
    board.afe._period_ns //= 8
    _, faults = collect(board, sampler, 100)
    assert faults[:1] == [errors.WRONG_RATE], faults
    assert "too often" in sampler.last_fault_text


def check_between_fast_frames_no_registers_are_read(part):
    board, afe, sampler = running(part, rate=2000)
    log = board.log = []
    run_ms(500)
    taken = 0
    while True:
        sampler.watch()
        n = sampler.take()
        if not n:
            break
        taken += n
    assert taken > 900
    assert not [n for n, _ in log if n == len(afe.part.registers) + 2]
    vouch(sampler)
    assert sampler.lost == 0
    clean(board)


def check_a_watch_between_two_frames_is_patient(part):
    board, _, sampler = running(part, rate=500)
    for _ in range(300):
        run_ms(1)
        assert sampler.watch() == 0
        sampler.take()
    assert sampler.faults == sampler.lost == 0
    clean(board)


def check_the_interrupt_is_hard_where_the_port_has_such(part):
    for hard in (True, False):
        board = Board(part)
        board.HARD_IRQ = hard
        afe = PoweredOff(board).power_up()
        afe.configure(rate=500)
        sampler = Sampler(afe, board)
        sampler.run()
        assert board.interrupt[1] is hard
        sampler.halt()
        assert board.interrupt is None


def check_the_converters_clock_is_learned(part):
    for ppm in (-15000, 7000):
        board = Board(part)
        board.afe.faults["clock_ppm"] = ppm
        afe = PoweredOff(board).power_up()
        afe.configure(rate=500)
        sampler = Sampler(afe, board)
        sampler.run()
        collect(board, sampler, 5000)
        assert abs(sampler.rate_ppm() - ppm) < 800, (ppm, sampler.rate_ppm())
        board.mask(1200000)
        run_ms(10)
        vouch(sampler)
        while sampler.take():
            pass
        assert abs(sampler.index - board.afe.frames) <= 1, (sampler.index, board.afe.frames)


def check_a_frame_that_the_next_one_runs_into_is_never_delivered(part):
    """A handler that comes a little before the next conversion reads bits of both."""
    step = 300e-6 if "119" in part else 4e-6  # several codes of any part
    patient = Steps(lambda lead, k: (k % 4096) * step)
    board, afe, sampler = running(part, patient, rate=500, gain=1, lead_off=None)
    scale = step / afe.nv_per_code() * 1e9
    collect(board, sampler, 600)
    lost = sampler.lost
    frame_us = afe.part.frame_bytes * 8000000 // afe.bus.sample_baudrate
    tries = 0
    for late in range(0, frame_us, 8):
        kernel.run_until(board.afe._next_ns // 1000 - 200)
        board.mask(200 + 2000 - late)
        tries += 1
        for start, gap, reason, n, codes in collect(board, sampler, 40)[0]:
            assert not gap or reason == core.OVERRUN, (late, gap, reason)
            for i in range(n):
                k = round(codes[i] / scale)
                assert k == (start + i) % 4096, (late, k, start + i)
    assert board.afe.torn > 0 and sampler.bad_frames == 0, (board.afe.torn, sampler.bad_frames)
    # The one that was torn, and at the most the one behind it, which seems to come early.
    assert tries <= sampler.lost - lost <= 2 * tries, (tries, sampler.lost - lost)
    clean(board)
