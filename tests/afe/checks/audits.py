"""Checks of the comparisons of registers that vouch for samples: how late they make them, what
bits that fall over on the bus do to them."""

from bench import Board, clean, kernel, run_ms, vouch
from heap import no_heap
from sampling import running

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
    most = 1 if afe.part.slots == 2 else 5
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
    assert no_heap(board, afe) >= 5  # clock, SDATAC, RREG, RDATAC, clock
    sampler.halt()
    clean(board)
