"""Checks of the comparisons of registers that vouch for samples: how late they make them, what
bits that fall over on the bus do to them."""

from bench import Board, Steps, clean, kernel, run_ms, vouch
from heap import no_heap
from sampling import collect, running

from monitor import sampler_core as core
from monitor.afe.driver import PoweredOff

REST_MS = 8  # as the monitor's loop


def check_samples_are_handed_out_in_time(part):
    """At the loop's own pace: what a sample's delivery costs in latency."""
    for rate in (250, 500):
        if rate not in running(part)[1].part.rates:
            continue
        board, afe, sampler = running(part, rate=rate)
        run_ms(300)
        late = []
        begun = kernel.now
        while kernel.now - begun < 3000000:
            run_ms(REST_MS)
            while sampler.take():
                pass
            sampler.watch()
            late.append((board.afe.frames - sampler.index) * 1000 // rate)
        mean = sum(late) / len(late)
        assert max(late) <= 275 and mean <= 140, (rate, max(late), mean)
        assert sampler.lost == 0 and board.afe.unread == 0
        sampler.halt()


def check_bits_that_fall_over_are_no_change(part):
    """At two bits in a thousand, which no monitor lives with: a change is seldom told that was
    none (5 to 17 times where a read counts as a whole), and each one that is."""
    board = Board(part)
    afe = PoweredOff(board).power_up()
    afe.configure(rate=500)
    board.afe.faults["bit_errors"] = 2000
    told = [afe.audit() for _ in range(500)]
    board.afe.faults["bit_errors"] = 0
    most = 2 if afe.part.slots == 2 else 7
    assert sum(register is not None for register in told) <= most
    for register in afe.part.registers[1:]:
        if register.compared():
            bit = register.compared() & -register.compared()
            board.afe.regs[register.address] ^= bit
            assert afe.audit() is register, register.name
            board.afe.regs[register.address] ^= bit
    assert afe.audit() is None


def check_an_audit_allocates_nothing(part):
    """While it holds the sampler's interrupt off, a collection would cost five samples."""
    board, afe, sampler = running(part)
    run_ms(100)
    vouch(sampler)
    assert no_heap(board, sampler) >= 5  # clock, SDATAC, RREG, RDATAC, clock
    sampler.halt()
    clean(board)


def check_an_audit_is_short_on_the_bus(part):
    """With what MicroPython itself takes on an RP2040, it has to fit between two frames at 1000
    samples/s: 0.4 ms from SDATAC to RDATAC, measured on the emulated one."""
    board, afe, sampler = running(part, rate=500)
    run_ms(100)
    begun = kernel.now
    sampler._audit()
    assert kernel.now - begun <= 210, kernel.now - begun  # us: bytes and waits, no Python
    sampler.halt()
    clean(board)


def _with_a_late_audit(part, behind):
    """Audits that end so late that DRDY falls just before RDATAC, or behind it; -> the sampler
    and the reasons of its gaps. Every code is compared with what was converted."""
    step = 300e-6 if "119" in part else 4e-6
    patient = Steps(lambda lead, k: (k % 4096) * step)
    board, afe, sampler = running(part, patient, rate=500, gain=1, lead_off=None)
    scale = step / afe.nv_per_code() * 1e9
    collect(board, sampler, 600)
    assert sampler.lost == 0
    bus = afe.bus
    if behind:
        clock = bus.clock

        def late(baudrate):
            clock(baudrate)
            if baudrate == bus.sample_baudrate:
                kernel.run_until(board.afe._next_ns // 1000 + 20)

        bus.clock = late
    else:
        read = bus.read

        def late(address, count):
            kernel.run_until(board.afe._next_ns // 1000 - 20)
            return read(address, count)

        bus.read = late
    reasons = []
    for start, gap, reason, n, codes in collect(board, sampler, 1000)[0]:
        if gap:
            reasons.append(reason)
        for i in range(n):
            assert round(codes[i] / scale) == (start + i) % 4096
    assert sampler.faults == sampler.bad_frames == 0
    clean(board)
    return sampler, reasons


def check_a_frame_that_falls_due_behind_an_audit_is_read(part):
    sampler, reasons = _with_a_late_audit(part, True)
    assert sampler.lost == 0 and not reasons, (sampler.lost, reasons)


def check_a_frame_that_falls_due_amid_an_audit_is_an_overrun(part):
    sampler, reasons = _with_a_late_audit(part, False)
    assert 3 <= len(reasons) == sampler.lost == sampler.overruns, (reasons, sampler.overruns)
    assert set(reasons) == {core.OVERRUN}
