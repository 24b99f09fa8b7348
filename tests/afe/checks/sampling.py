"""Checks of the sampler on every part: frames value by value, gaps, faults, recovery."""

from bench import Board, Steps, clean, kernel, run_ms, vouch

from monitor import sampler_core as core
from monitor.afe import errors
from monitor.afe.driver import PoweredOff
from monitor.sampler import Sampler


def running(part, patient=None, rate=500, gain=6, seconds=1, **options):
    board = Board(part, patient)
    board.afe.analog.quiet = True
    afe = PoweredOff(board).power_up()
    afe.configure(rate=rate, gain=gain, **options)
    sampler = Sampler(afe, board, seconds)
    sampler.run()
    return board, afe, sampler


def collect(board, sampler, ms, watch=True, at_once=True):
    """Runs for `ms`; -> [(start, gap, reason, n, codes of channel 1)], faults noticed."""
    blocks = []
    faults = []
    for _ in range(ms // 20):
        run_ms(20)
        if at_once:
            vouch(sampler)
        while True:
            n = sampler.take()
            if not n:
                break
            c = sampler.channels[0]
            blocks.append((sampler.start, sampler.gap, sampler.gap_reason, n, list(c[:n])))
        if watch:
            code = sampler.watch()
            if code:
                faults.append(code)
    return blocks, faults


def code_of(part, volts, gain, vref):
    top = (1 << part.bits - 1) - 1
    code = volts * gain * top / vref
    code = int(code + 0.5) if code >= 0 else -int(0.5 - code)
    return min(top, max(-top - 1, code))


def check_frames_value_by_value(part):
    """Small, large, negative and full-scale volts on every channel, through every gain."""

    def volts(lead, k):
        return (0.9e-3 * (lead + 1) - 0.31e-3 * (k % 11)) * (1 if k % 3 else -1) + (
            5.0 if k % 17 == 5 else -5.0 if k % 17 == 9 else 0
        )

    for gain in PoweredOff(Board(part)).power_up().part.gains:
        patient = Steps(volts)
        board, afe, sampler = running(part, patient, gain=gain, lead_off=None)
        run_ms(300)
        vouch(sampler)
        seen = 0
        while True:
            n = sampler.take()
            if not n:
                break
            for i in range(n):
                k = sampler.start + i
                assert sampler.status[i] & 0xF00000 == 0xC00000
                for channel in range(afe.channels):
                    want = code_of(afe.part, volts(channel, k), gain, afe.vref)
                    got = sampler.channels[channel][i]
                    assert abs(got - want) <= 0, (gain, k, channel, got, want)
            seen += n
        assert seen > 100, seen
        assert sampler.lost == 0 and board.afe.unread == 0
        sampler.halt()
        clean(board)


def check_every_rate_arrives(part):
    board = Board(part, Steps(lambda lead, k: 0.0))
    afe = PoweredOff(board).power_up()
    for rate in list(afe.part.rates) + list(afe.part.low_power_rates):
        if rate > 8000:
            continue  # more than an interrupt in Python is for
        afe.configure(rate=rate)
        sampler = Sampler(afe, board, 1)
        board.latency_us = 3
        sampler.run()
        blocks, faults = collect(board, sampler, 400)
        total = sum(b[3] for b in blocks)
        assert not faults and sampler.lost == 0, (rate, faults, sampler.lost)
        assert abs(total - 0.4 * rate) <= 0.02 * rate + 12, (rate, total)
        sampler.halt()
    clean(board)


def check_index_counts_what_a_blocked_processor_missed(part):
    patient = Steps(lambda lead, k: (k % 1000) * 1e-6)
    board, afe, sampler = running(part, patient, rate=500, lead_off=None)
    collect(board, sampler, 200)
    board.mask(45000)
    collect(board, sampler, 100)
    assert sampler.lost in (21, 22, 23), sampler.lost
    assert sampler.last_gap[2] == core.OVERRUN
    assert sampler.index == board.afe.frames - (0 if board.afe._frame_at else 1), (
        sampler.index,
        board.afe.frames,
    )
    clean(board)


def check_values_stay_with_their_index_over_gaps(part):
    """Fifty masked stretches of all lengths: every sample has the index of its conversion."""
    step = 300e-6 if "119" in part else 4e-6  # several codes of any part
    patient = Steps(lambda lead, k: (k % 4096) * step)
    board, afe, sampler = running(part, patient, rate=500, gain=1, lead_off=None)
    scale = step / afe.nv_per_code() * 1e9
    collect(board, sampler, 3000)
    checked = 0
    for i in range(50):
        run_ms(7)
        board.mask(137 * i * 7 % 30000)
        vouch(sampler)
        while True:
            n = sampler.take()
            if not n:
                break
            for j in range(n):
                k = round(sampler.channels[0][j] / scale)
                assert k == (sampler.start + j) % 4096, (k, sampler.start + j, sampler.gap)
                checked += 1
    assert checked > 150, checked
    assert sampler.lost > 50
    clean(board)


def check_full_ring_is_a_gap(part):
    board, afe, sampler = running(part, rate=500, seconds=0.3)
    run_ms(1000)
    vouch(sampler)
    got = 0
    while True:
        n = sampler.take()
        if not n:
            break
        got += n
    assert got == sampler._state[core.CAPACITY] - 1, got
    run_ms(20)
    vouch(sampler)
    assert sampler.take()
    assert sampler.gap_reason == core.RING_FULL and sampler.gap > 300, sampler.gap
    run_ms(2)
    vouch(sampler)
    sampler.take()
    assert sampler.index == board.afe.frames, (sampler.index, board.afe.frames)
    clean(board)


def check_bit_errors_in_the_status_are_dropped_and_counted(part):
    board, afe, sampler = running(part, rate=500)
    collect(board, sampler, 100)
    board.afe.faults["bit_errors"] = 800
    blocks, faults = collect(board, sampler, 4000, at_once=False)
    board.afe.faults["bit_errors"] = 0
    assert not faults, faults  # bits that fall over on the bus are no change of a register
    reasons = set(b[2] for b in blocks if b[1])
    assert core.SYNC_LOST in reasons, reasons
    assert sampler.bad_frames > 1  # of 2000: four bits of a frame are looked at, or 17
    blocks, _ = collect(board, sampler, 400)
    assert sum(b[3] for b in blocks) > 30


def check_stuck_drdy_recovers_within_a_second(part):
    board, afe, sampler = running(part, rate=500)
    collect(board, sampler, 200)
    board.afe.faults["stuck_drdy"] = True
    begun = kernel.now
    _, faults = collect(board, sampler, 900)
    assert errors.NO_DRDY in faults, faults
    board.afe.faults["stuck_drdy"] = False
    healed = kernel.now
    blocks = []
    while not blocks:
        blocks, _ = collect(board, sampler, 20)
    assert kernel.now - healed < 1000000, kernel.now - healed
    assert blocks[0][2] == core.RESTARTED, blocks[0]
    outage = (kernel.now - begun) // 2000
    assert abs(blocks[0][1] - outage) < 30, (blocks[0][1], outage)
    clean(board)


def check_brown_out_is_noticed_and_repaired(part):
    board, afe, sampler = running(part, rate=500, gain=12)
    collect(board, sampler, 300)
    board.afe.brown_out()
    begun = kernel.now
    faults = []
    while not faults:
        _, faults = collect(board, sampler, 20)
    assert kernel.now - begun < 1000000, kernel.now - begun
    collect(board, sampler, 100)
    assert (
        board.afe.regs[afe.part["CH1SET"].address] == afe.cache.wanted[afe.part["CH1SET"].address]
    )
    true_index = board.afe.kernel.now
    blocks, faults = collect(board, sampler, 300)
    assert blocks and not faults
    assert true_index
    clean(board)


def check_nothing_from_a_part_that_lost_its_settings_is_delivered(part):
    """A dip of the supply at any moment between two audits: no sample at another scale comes out,
    and the gap begins right behind the last sample that is known to be good."""
    step = 300e-6 if "119" in part else 20e-6
    for after in range(0, 200, 23):
        patient = Steps(lambda lead, k: (k % 50) * step)
        board, afe, sampler = running(part, patient, rate=500, gain=2, lead_off=None)
        scale = step / afe.nv_per_code() * 1e9
        collect(board, sampler, 400, at_once=False)
        run_ms(after)
        board.afe.brown_out()
        begun = kernel.now
        blocks, faults, told = [], [], False
        while not (told and any(b[2] == core.RESTARTED for b in blocks)):
            more, codes = collect(board, sampler, 20, at_once=False)
            told = told or bool(codes)
            blocks += more
            faults += codes
            assert kernel.now - begun < 1500000, (after, faults)
        assert faults == [errors.CHANGED] or faults == [errors.WRONG_RATE], faults
        for start, gap, reason, n, values in blocks:
            for i in range(1, n):  # whatever the place in the ramp: steps of this gain
                rise = (values[i] - values[i - 1]) / scale
                assert abs(rise - 1) < 0.2 or abs(rise + 49) < 0.2, (after, start + i, rise)
        sampler.halt()


def check_a_register_that_changes_is_noticed(part):
    board, afe, sampler = running(part, rate=500)
    collect(board, sampler, 300)
    address = afe.part["CH1SET"].address
    board.afe.regs[address] ^= 0x10
    begun = kernel.now
    faults = []
    while not faults:
        _, faults = collect(board, sampler, 20)
    assert faults == [errors.CHANGED]
    assert "CH1SET" in sampler.last_fault_text
    assert kernel.now - begun < 1000000, kernel.now - begun
    assert board.afe.regs[address] == afe.cache.wanted[address]
    clean(board)


def check_audits_lose_no_sample(part):
    board, afe, sampler = running(part, rate=500)
    reads = board.log = []
    collect(board, sampler, 5000)
    audits = [n for n, baud in reads if n == len(afe.part.registers) + 2]
    assert len(audits) == 250, len(audits)
    assert sampler.lost == 0 and board.afe.unread == 0
    clean(board)


def check_front_end_that_disappears_and_returns(part):
    board, afe, sampler = running(part, rate=500)
    collect(board, sampler, 300)
    index = sampler.index
    begun = kernel.now
    board.afe.power(False)
    board.afe.faults["mute"] = True
    blocks, faults = collect(board, sampler, 4000)
    assert len(faults) >= 3, faults
    board.afe.faults["mute"] = False
    board.afe.power(True)
    returned = kernel.now
    blocks = []
    while not blocks:
        blocks, _ = collect(board, sampler, 20)
        assert kernel.now - returned < 1000000, kernel.now - returned
    start, gap, reason, n, _ = blocks[0]
    assert reason == core.RESTARTED
    expected = (kernel.now - begun) // 2000
    assert abs(start + n - index - expected) < 40, (start + n - index, expected)


def check_slow_and_fast_clocks_keep_the_index(part):
    for ppm in (-20000, -5000, 5000, 20000):
        board = Board(part)
        board.afe.faults["clock_ppm"] = ppm
        afe = PoweredOff(board).power_up()
        afe.configure(rate=500)
        sampler = Sampler(afe, board)
        sampler.run()
        _, faults = collect(board, sampler, 4000)
        assert not faults and sampler.lost == 0, (ppm, faults, sampler.lost)
        board.mask(21000)
        run_ms(10)
        vouch(sampler)
        while sampler.take():
            pass
        assert abs(sampler.index - board.afe.frames) <= 1, (ppm, sampler.index, board.afe.frames)


def check_nothing_is_allocated_on_the_way_of_a_sample(part):
    import gc

    board, afe, sampler = running(part, rate=500)
    collect(board, sampler, 100)
    # The handler itself runs under heap_lock in every check; here, taking blocks.
    taken = 0
    grew = 0
    for _ in range(20):
        run_ms(20)
        vouch(sampler)  # (the models share the heap: what an audit makes them do is theirs)
        gc.collect()
        before = gc.mem_alloc()
        n = sampler.take()
        grew += gc.mem_alloc() - before
        taken += n
    assert taken > 100
    assert grew == 0, grew


def check_without_hard_interrupts(part):
    board = Board(part)
    board.HARD_IRQ = False
    afe = PoweredOff(board).power_up()
    afe.configure(rate=500)
    sampler = Sampler(afe, board)
    sampler.run()
    board.latency_us = 900
    _, faults = collect(board, sampler, 1000)
    assert not faults and sampler.lost == 0
    clean(board)
