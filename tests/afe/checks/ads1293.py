"""Checks of the ADS1293: configured, sampled value by value, its faults noticed and mended."""

from bench import Board, Steps, clean, kernel, raises, run_ms, vouch

from monitor import frontends
from monitor import quality as q
from monitor import quality_words as words
from monitor import sampler_core as core
from monitor.afe import errors
from monitor.afe.ads1293 import PoweredOff1293
from monitor.afe.ads1293_map import adc_max
from monitor.sampler_1293 import Sampler1293


def running(part, volts=lambda lead, k: 0.0, rate=400, channels=3, **options):
    board = Board(part, Steps(volts))
    board.electrodes.set("all", ohms=0)
    board.afe.quiet = True
    afe = PoweredOff1293(board).power_up()
    afe.configure(rate=rate, channels=channels, **options)
    sampler = Sampler1293(afe, board)
    sampler.run()
    return board, afe, sampler


def collect(sampler, ms):
    blocks, faults = [], []
    for _ in range(ms // 20):
        run_ms(20)
        vouch(sampler)
        while True:
            n = sampler.take()
            if not n:
                break
            codes = [list(c[:n]) for c in sampler.channels]
            blocks.append((sampler.start, sampler.gap, sampler.gap_reason, codes))
        code = sampler.watch()
        if code:
            faults.append(code)
    return blocks, faults


def check_adc_max_is_the_sheets(part):
    assert adc_max(4, 4) == adc_max(8, 128) == 0x800000
    assert adc_max(5, 4) == adc_max(5, 64) == 0xC35000
    assert adc_max(4, 6) == adc_max(8, 12) == adc_max(6, 16) == 0xF30000
    assert adc_max(5, 6) == adc_max(5, 12) == 0xB964F0
    assert adc_max(6, 6) == adc_max(6, 12) == 0xE6A900


def check_found_and_dumped(part):
    board = Board(part)
    afe = PoweredOff1293(board).power_up()
    assert "REVID 0x01" in afe.dump()
    clean(board)


def check_found_without_a_name(part):
    """The question comes before any that would write into it, and without a RESET pin, too."""
    for without in ((), ("RESET",)):
        board = Board(part, without=without)
        afe = frontends.power_up(board)
        assert afe.part.name == "ADS1293"
        assert "R2_RATE 0x08" in afe.dump() and "REF_CN 0x00" in afe.dump()
        frontends.configure(afe, 250, 6)
        clean(board)


def check_what_was_asked_is_told(part):
    board = Board(part)
    board.afe.faults["wrong_id"] = 0x55
    both = "ADS1293, REVID in SPI mode 0: 0x55 0x55 0x55;", "ADS1x9x, ID in SPI mode 1: 0x"
    with raises(OSError, *both):
        frontends.power_up(board)


def check_every_rate_value_by_value(part):
    def volts(lead, k):
        return (0.9e-3 * (lead + 1)) * (1 if k % 3 else -1) + (k % 7) * 1e-4

    board = Board(part, Steps(volts))
    board.electrodes.set("all", ohms=0)
    board.afe.quiet = True
    afe = PoweredOff1293(board).power_up()
    for rate in sorted(afe.part.rates):
        if rate < 50 or rate > 3200:
            continue
        for channels in (1, 3):
            board.afe.electrodes.patient.k = -1
            afe.configure(rate=rate, channels=channels)
            sampler = Sampler1293(afe, board)
            sampler.run()
            blocks, faults = collect(sampler, 200)
            assert blocks and not faults and sampler.lost == 0, (rate, faults, sampler.lost)
            for start, _, _, codes in blocks:
                for c in range(channels):
                    for i, code in enumerate(codes[c]):
                        want = volts(c, start + i)
                        got = code * afe.nv_per_code() * 1e-9
                        assert abs(got - want) < 4e-7, (rate, c, start + i, got, want)
            sampler.halt()
    clean(board)


def check_wrong_arguments(part):
    board = Board(part)
    afe = PoweredOff1293(board).power_up()
    with raises(ValueError, "rate must be one of", "200", "400"):
        afe.configure(rate=333)
    with raises(ValueError, "inputs must be one of", "shorted"):
        afe.configure(inputs="temperature")
    with raises(ValueError, "channels must be 1, 2 or 3"):
        afe.configure(channels=4)
    with raises(ValueError, "lead_off_amperes"):
        afe.configure(lead_off_amperes=1)
    with raises(RuntimeError, "configure"):
        afe.start()
    clean(board)


def check_nothing_answers_and_wrong_id(part):
    board = Board(part)
    board.afe.faults["mute"] = True
    with raises(OSError, "no front end answers") as caught:
        PoweredOff1293(board).power_up()
    assert caught.error.code == errors.ABSENT
    board = Board(part)
    board.afe.faults["wrong_id"] = 0x55
    with raises(OSError, "0x55"):
        PoweredOff1293(board).power_up()


def check_mismatch_is_named(part):
    board = Board(part)
    afe = PoweredOff1293(board).power_up()
    write = board.afe._write
    board.afe._write = lambda a, v: write(a, v & 0xF0 if a == 0x21 else v)
    with raises(OSError, "R2_RATE"):
        afe.configure()
    assert board.pins.level("RESET") == 0


def check_faults_are_noticed_and_mended(part):
    board, afe, sampler = running(part)
    collect(sampler, 300)
    board.afe.faults["stuck_drdy"] = True
    _, faults = collect(sampler, 800)
    assert errors.NO_DRDY in faults
    board.afe.faults["stuck_drdy"] = False
    blocks = []
    begun = kernel.now
    while not blocks:
        blocks, _ = collect(sampler, 20)
        assert kernel.now - begun < 1500000
    assert blocks[0][1] > 0 and blocks[0][2] == core.RESTARTED
    board.afe.brown_out()
    _, faults = collect(sampler, 1000)
    assert faults
    blocks, faults = collect(sampler, 500)
    assert blocks and not faults
    board.afe.regs[0x0C] ^= 0x20
    _, faults = collect(sampler, 1000)
    assert faults == [errors.CHANGED] and "RLD_CN" in sampler.last_fault_text
    clean(board)


def check_bits_that_fall_over_are_no_change(part):
    """As for the ADS1x9x (`audits`); four times where a read counts as a whole."""
    board = Board(part)
    afe = PoweredOff1293(board).power_up()
    afe.configure()
    board.afe.faults["bit_errors"] = 1000
    assert sum(afe.audit() is not None for _ in range(200)) <= 1


def check_gaps_keep_the_index(part):
    board, afe, sampler = running(part, lambda lead, k: (k % 1000) * 1e-5)
    collect(sampler, 3000)
    for i in range(20):
        board.mask(1000 + 1700 * i)
        for start, _, _, codes in collect(sampler, 20)[0]:
            for j, code in enumerate(codes[0]):
                k = round(code * afe.nv_per_code() * 1e-9 / 1e-5)
                assert k == (start + j) % 1000, (k, start + j)
    assert sampler.lost > 50
    clean(board)


def check_lead_off(part):
    board, afe, sampler = running(part, lead_off_amperes=16e-9)
    collect(sampler, 100)
    assert afe.lead_off() == 0
    board.electrodes.set("LA", on=False)
    collect(sampler, 100)
    assert afe.lead_off() == 0b10, bin(afe.lead_off())
    board.electrodes.set("LA", on=True)
    # The comparator trips 0.5 V below the supply: 1.15 V above the middle of 3.3 V.
    for ohms, flagged in ((1.15 / 16e-9 * 0.98, 0), (1.15 / 16e-9 * 1.02, 0b1)):
        board.electrodes.set("RA", ohms=ohms)
        collect(sampler, 100)
        assert afe.lead_off() == flagged, (ohms, bin(afe.lead_off()))
    clean(board)


def check_each_electrode_is_told_with_the_samples(part):
    """The register's flags reach the signal state by electrode, at the detector's rate."""
    from monitor.samplers import for_board

    board = Board(part, Steps(lambda lead, k: 1e-3 if k % 320 < 12 else 1e-6 * (k % 320)))
    afe = PoweredOff1293(board).power_up()
    afe.configure(rate=250)
    sampler = for_board(afe, board)
    sampler.run()
    quality = q.Quality(afe)

    def run(ms):
        for _ in range(ms // 20):
            run_ms(20)
            vouch(sampler)
            while True:
                n = sampler.take()
                if not n:
                    break
                quality.feed(sampler, n)
        return words.electrodes_off(quality)

    assert run(3000) == [] and quality.state[0] == q.GOOD, words.text(quality, 0)
    for name in ("RA", "LA", "LL", "V1"):
        board.electrodes.set(name, on=False)
        assert run(400) == [name], (name, words.electrodes_off(quality))
        board.electrodes.set(name, on=True)
        assert run(800) == [], name
    assert sampler.lost == 0 and board.afe.unread == 0
    clean(board)


def check_detector_rates_are_resampled(part):
    """A slow ramp at every rate: each sample is the voltage at its own instant, gaps included."""
    from monitor.resample import Resampled
    from monitor.samplers import for_board

    for rate in (125, 250, 500, 1000):
        incoming = rate * 8 // 5
        # 0.2 V/s: a line comes out of a symmetrical filter as it went in.
        board = Board(part, Steps(lambda lead, k: 0.2 * k / incoming - 0.2))
        board.electrodes.set("all", ohms=0)
        board.afe.quiet = True
        afe = PoweredOff1293(board).power_up()
        afe.configure(rate=rate, lead_off_amperes=None)
        sampler = for_board(afe, board)
        assert isinstance(sampler, Resampled)
        sampler.run()
        seen = 0
        for i in range(70):
            if i in (30, 45):
                board.mask(17000 + 9000 * (i & 1))
            run_ms(20)
            vouch(sampler)
            while True:
                n = sampler.take()
                if not n:
                    break
                assert sampler.gap == 0 or sampler.gap_reason == core.OVERRUN
                for j in range(n):
                    volts = 0.2 * (sampler.start + j) / rate - 0.2
                    got = sampler.channels[0][j] * afe.nv_per_code() * 1e-9
                    assert abs(got - volts) < 1.2e-6, (rate, sampler.start + j, got, volts)
                seen += n
            assert sampler.watch() == 0
        assert sampler.gaps == 2 and sampler.lost > 2 * 17, (sampler.gaps, sampler.lost)
        assert seen > rate, (rate, seen)
        newest, us = sampler.newest()
        begun = (board.afe.frames - 1) * 1000000 // incoming
        assert abs(newest * 1000000 // rate + us - begun) < 2000000 // incoming + 100
        sampler.halt()
        clean(board)


def check_selftest(part):
    from monitor import limits
    from monitor.calibration import Calibration, load_for
    from monitor.measuring import known_gains
    from monitor.samplers import by_interrupt
    from monitor.selftest import for_part

    def tested(electrodes="connected", spoil=None):
        board = Board(part)
        afe = PoweredOff1293(board).power_up()
        if spoil:
            spoil(board)
        test = for_part(afe, board, electrodes)
        for _ in test.run():
            pass
        clean(board)
        return test

    test = tested()
    assert test.passed, [str(r) for r in test.results if not r.passed]
    assert Calibration.of(test, "2026-01-02").part == "ADS1293"
    cases = (
        ("wrong_id", 0x55, (limits.ID,)),
        ("stuck", [0x01, 0x04], (limits.WALK,)),
        ("noise", 5, (limits.NOISE, limits.PEAK)),
        ("offset_uv", 1500, (limits.OFFSET,)),
        ("clock_ppm", 30000, (limits.RATE,)),
        ("gain_ppm", -45000, (limits.GAIN,)),
        ("test_dead", True, (limits.GAIN,)),
    )
    for name, value, expected in cases:

        def spoil(board):
            board.afe.faults[name] = value

        failed = tuple(sorted(set(r.code for r in tested(spoil=spoil).results if not r.passed)))
        assert failed == expected, (name, failed)
    off = tested("open", lambda board: board.electrodes.set("all", on=False))
    assert off.passed, [str(r) for r in off.results if not r.passed]
    board = Board(part, Steps(lambda lead, k: 0.5e-3 if k // 200 % 2 else -0.5e-3))
    board.afe.faults["gain_ppm"] = 12000
    afe = PoweredOff1293(board).power_up()
    gains = known_gains(afe, board, 1000, by_interrupt)
    assert all(abs(g - 12000) < 400 for g in gains), gains
    assert load_for(afe, "/nowhere/") == ""


def check_signal_state(part):
    def ecg(lead, k):
        at = k % 320
        return (1.2e-3 if 3 <= at < 8 else 0.0) + 1e-4 * (at % 50) / 50

    board, afe, sampler = running(part, ecg)
    quality = q.Quality(afe)

    def run(ms):
        for _ in range(ms // 20):
            run_ms(20)
            vouch(sampler)
            n = sampler.take()
            if n:
                quality.feed(sampler, n)
        return words.STATES[quality.state[0]]

    assert run(3000) == "good", words.text(quality, 0)
    board.electrodes.set("LA", offset_mv=900)
    assert run(1000) == "saturated", words.text(quality, 0)
    board.electrodes.set("LA", offset_mv=0)
    assert run(3000) == "good", words.text(quality, 0)
    clean(board)
