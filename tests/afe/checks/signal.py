"""Checks of the signal state: electrodes off and on, rails, flat lines, hum, movement, restart."""

from bench import Board, Steps, clean, kernel, run_ms, vouch

from monitor import quality as q
from monitor import quality_words as words
from monitor.acleads import AcLeads
from monitor.afe import leads
from monitor.afe.driver import PoweredOff
from monitor.sampler import Sampler


def ecg(lead, k):
    """A spike of 1.2 mV every 0.8 s and a slow wave, at 250 samples/s."""
    at = k % 200
    spike = (0, 0.2, 0.7, 1.2, 0.6, -0.2, -0.3, -0.1)
    volts = spike[at] * 1e-3 if at < 8 else 0.0
    if 60 <= at < 110:
        volts += 0.25e-3 * (1 - ((at - 85) / 25.0) ** 2)
    return volts * (1 + 0.1 * lead)


class Run:
    def __init__(self, part, volts=ecg, rate=250, wrap=None, **options):
        self.board = Board(part, Steps(volts))
        self.afe = PoweredOff(self.board).power_up()
        self.afe.configure(rate=rate, **options)
        self.sampler = Sampler(self.afe, self.board)
        if wrap:
            self.sampler = wrap(self.afe, self.sampler)
        self.sampler.run()
        self.quality = q.Quality(self.afe)
        self.changes = []
        self.codes = []

    def run(self, ms):
        for _ in range(ms // 20):
            run_ms(20)
            vouch(self.sampler)
            while True:
                n = self.sampler.take()
                if not n:
                    break
                self.codes = self.codes[-600:] + list(self.sampler.channels[0][:n])
                if self.quality.feed(self.sampler, n):
                    self.changes.append((kernel.now, bytes(self.quality.state), self.quality.off))
        return self

    def state(self, channel=0):
        return words.STATES[self.quality.state[channel]]


def check_good_signal_is_called_good(part):
    r = Run(part).run(3000)
    for channel in range(r.afe.channels):
        assert r.state(channel) == "good", (channel, words.text(r.quality, channel))
    r.run(10000)
    assert len(r.changes) <= 2, r.changes
    clean(r.board)


def check_each_electrode_off_and_on(part):
    r = Run(part, lead_off_percent=95).run(3000)
    wired = leads.wiring(r.afe.channels)
    sensed = r.afe.sensed_inputs()
    tried = 0
    for name in wired:
        bits = wired[name] & sensed
        if not bits:
            continue
        tried += 1
        r.board.electrodes.set(name, on=False)
        r.run(300)
        assert words.electrodes_off(r.quality) == [name], (name, words.electrodes_off(r.quality))
        for channel, needs in enumerate(leads.needed(r.afe.channels)):
            if name in needs:
                assert r.state(channel) == "lead off", (name, channel, r.state(channel))
                assert leads.name(name) in words.text(r.quality, channel)
                assert leads.name(name, "IEC") in words.text(r.quality, channel, "IEC")
            else:
                assert r.state(channel) == "good", (name, channel, words.text(r.quality, channel))
        r.board.electrodes.set(name, on=True)
        r.run(700)
        assert not r.quality.off, (name, words.electrodes_off(r.quality))
        assert r.state(0) != "lead off"
        r.run(3000)
        for channel in range(r.afe.channels):
            assert r.state(channel) == "good", (name, channel, words.text(r.quality, channel))
    assert tried >= min(3, r.afe.channels + 1), tried
    clean(r.board)


def check_a_reference_electrode_that_is_loose_shows_as_hum(part):
    """No comparator finds it while the drive works (TI, E2E 683315): the signal does."""
    r = Run(part).run(3000)
    r.board.electrodes.set("RL", on=False)
    r.run(2500)
    assert not r.quality.off
    assert r.state(0) == "noisy" and "mains hum" in words.text(r.quality, 0), words.text(
        r.quality, 0
    )
    r.board.electrodes.set("RL", on=True)
    r.run(4000)
    assert r.state(0) == "good", words.text(r.quality, 0)
    clean(r.board)


def check_a_flicker_is_not_an_electrode_off(part):
    r = Run(part).run(3000)
    for _ in range(10):
        r.board.electrodes.set("LA", on=False)
        run_ms(40)
        r.board.electrodes.set("LA", on=True)
        r.run(200)
    assert not r.quality.off
    clean(r.board)


def check_ac_lead_off_tells_each_electrode(part):
    """By alternating current: off above 2 megohms, on below 1; the ECG as without it."""
    if "119" in part:
        # A code of 16 bits is large: a larger current.
        amperes = 22e-9 if part in ("ADS1191", "ADS1192") else 24e-9
    else:
        amperes = 6e-9
    r = Run(part, lead_off="ac", lead_off_amperes=amperes, wrap=AcLeads)
    r.run(3000)
    for channel in range(r.afe.channels):
        assert r.state(channel) == "good", (channel, words.text(r.quality, channel))
    clear = r.codes[-500:]
    one = r.afe.channels == 1
    for name in leads.wiring(r.afe.channels):
        if name == "RL":
            continue
        share = 2 if name == "RA" and not one else 1  # two channels' currents
        r.board.electrodes.set(name, ohms=1500e3 / share)
        r.run(500)
        assert words.electrodes_off(r.quality) == [], (name, words.electrodes_off(r.quality))
        r.board.electrodes.set(name, ohms=2500e3 / share)
        r.run(500)
        expected = ["RA", "LA"] if one else [name]  # one channel can't tell which
        assert words.electrodes_off(r.quality) == expected, (name, words.electrodes_off(r.quality))
        for channel, needs in enumerate(leads.needed(r.afe.channels)):
            assert (r.state(channel) == "lead off") == (name in needs), (name, channel)
        r.board.electrodes.set(name, ohms=1200e3 / share)  # the other limit
        r.run(1200)
        assert words.electrodes_off(r.quality) == expected, (name, words.electrodes_off(r.quality))
        r.board.electrodes.set(name, ohms=20e3)
        r.run(1200)
        assert words.electrodes_off(r.quality) == [], (name, words.electrodes_off(r.quality))
    # The tone is gone: the flat parts of the ECG are as flat as without a current.
    nv = r.afe.nv_per_code()
    flat = [v for i, v in enumerate(clear[:-2]) if abs(clear[i + 1] - v) * nv < 40000]
    assert len(flat) > 400, len(flat)
    r.board.electrodes.set("LA", on=False)
    r.run(500)
    assert "LA" in words.electrodes_off(r.quality)
    clean(r.board)


def check_no_comparators_no_claims(part):
    r = Run(part, lead_off=None).run(2000)
    r.board.electrodes.set("LA", on=False)
    r.run(2000)
    assert r.quality.off == 0
    assert r.state(0) != "good", r.state(0)  # but hum is seen
    clean(r.board)


def check_saturation(part):
    r = Run(part, lead_off=None).run(3000)
    r.board.electrodes.set("LA", offset_mv=900)
    r.run(800)
    assert r.state(0) == "saturated", words.text(r.quality, 0)
    assert "rail" in words.text(r.quality, 0)
    r.board.electrodes.set("LA", offset_mv=0)
    r.run(3000)
    assert r.state(0) == "good", words.text(r.quality, 0)
    clean(r.board)


def check_flat(part):
    r = Run(part, lambda lead, k: ecg(lead, k) if k < 750 or k > 3000 else 0.0).run(2500)
    assert r.state(0) == "good"
    r.run(6500)
    assert r.state(0) == "flat", words.text(r.quality, 0)
    assert "25 uV" in words.text(r.quality, 0)
    r.run(4500)
    assert r.state(0) == "good", words.text(r.quality, 0)
    clean(r.board)


def check_a_stuck_converter(part):
    r = Run(part).run(3000)
    if r.afe.part.bits == 16:
        return  # their steps are larger than their noise
    r.board.afe.analog.quiet = True
    r.board.afe.electrodes.patient.fn = lambda lead, k: 1e-4
    r.run(2100)
    assert r.state(0) == "flat", words.text(r.quality, 0)
    assert "repeats" in words.text(r.quality, 0)
    clean(r.board)


def check_hum(part):
    r = Run(part).run(3000)
    r.board.electrodes.set("RA", hum_uv=400)
    r.run(1600)
    assert r.state(0) == "noisy", words.text(r.quality, 0)
    assert "hum" in words.text(r.quality, 0)
    r.board.electrodes.set("RA", hum_uv=0)
    r.run(3000)
    assert r.state(0) == "good"
    r.board.electrodes.set("LA", noise_uv=150)
    r.run(2500)
    assert r.state(0) == "noisy", words.text(r.quality, 0)
    clean(r.board)


def check_movement(part):
    def swing(lead, k):
        return ecg(lead, k) + (0 if k < 750 else 0.012 * ((k % 100) / 100.0))

    r = Run(part, swing).run(3000)
    r.run(2500)
    assert r.state(0) == "noisy", words.text(r.quality, 0)
    assert "movement" in words.text(r.quality, 0)
    clean(r.board)


def check_steps_that_no_heart_makes(part):
    """A square wave of 190 mV is no heart, at whatever pace; a pacemaker's spikes may be."""
    for period in (100, 150, 250, 500):

        def square(lead, k):
            if not 750 <= k < 2500:
                return ecg(lead, k)
            return 0.19 if k // (period // 2) % 2 else -0.19

        r = Run(part, square, lead_off=None).run(3000)
        assert r.state(0) == "good"
        r.run(2600)
        assert r.state(0) == "saturated", (period, words.text(r.quality, 0))
        assert "no heart makes" in words.text(r.quality, 0), words.text(r.quality, 0)
        r.run(4400 + 5500)
        assert r.state(0) == "good", (period, words.text(r.quality, 0))
        r.sampler.halt()

    def paced(lead, k):
        return ecg(lead, k) + (0.06 if k % 200 == 195 else -0.02 if k % 200 == 196 else 0.0)

    r = Run(part, paced).run(20000)
    assert "heart" not in words.text(r.quality, 0), words.text(r.quality, 0)
    clean(r.board)


def check_settling_after_a_restart(part):
    r = Run(part).run(3000)
    r.board.afe.brown_out()
    for _ in range(60):
        r.run(20)
        if r.sampler.watch():
            break
    r.run(100)
    assert r.state(0) == "settling", words.text(r.quality, 0)
    assert "restarted" in words.text(r.quality, 0)
    r.run(2500)
    assert r.state(0) == "good", words.text(r.quality, 0)


def check_every_rate(part):
    board = Board(part)
    del board
    for rate in (125, 250, 500, 1000):
        try:
            r = Run(part, lambda lead, k: ecg(lead, k * 250 // rate), rate=rate)
        except ValueError:
            continue
        r.run(4000)
        assert r.state(0) == "good", (rate, words.text(r.quality, 0))
        r.board.electrodes.set("RA", hum_uv=500)
        r.run(2000)
        assert r.state(0) == "noisy", (rate, words.text(r.quality, 0))
        r.board.electrodes.set("LA", on=False)
        r.run(300)
        assert r.state(0) == "lead off", (rate, words.text(r.quality, 0))
        r.sampler.halt()


def check_the_way_the_baseline_goes(part):
    """A heart that stands still leaves the baseline where it is; a loose electrode does not."""

    def still(lead, k):
        return ecg(lead, k) if k < 1000 else 0.0

    def loose(lead, k):  # a jump of 4 mV that decays over a second, and no beats
        return ecg(lead, k) if k < 1000 else 4e-3 * 0.996 ** (k - 1000)

    for volts, low, high in ((ecg, 0, 300), (still, 0, 300), (loose, 1500, 9000)):
        r = Run(part, volts).run(3900)
        before = r.quality.travel(0)
        r.run(3500)
        way = r.quality.travel(0) - before
        assert low <= way <= high, (way, low, high)
        r.sampler.halt()


def check_nothing_is_allocated(part):
    import gc

    r = Run(part).run(3000)
    grew = 0
    for i in range(150):
        run_ms(20)
        vouch(r.sampler)
        gc.collect()
        n = r.sampler.take()
        before = gc.mem_alloc()
        r.quality.feed(r.sampler, n)
        grew += gc.mem_alloc() - before
    assert grew == 0, grew


def check_the_newest_sample_has_its_time(part):
    r = Run(part).run(3000)
    for i in range(20):
        kernel.run_until(kernel.now + 3137)
        if i == 10:
            r.board.mask(30000)
        index, us = r.sampler.newest()
        assert us < 4100, us
        assert index == r.board.afe.frames - 1, (index, r.board.afe.frames)
    clean(r.board)
