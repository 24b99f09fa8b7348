"""Checks of `Acquisition` on the models: another lead, and what is measured anew with it."""

from bench import Board, Steps, clean, run_ms

from monitor import settings as _settings
from monitor.acquire import Acquisition
from monitor.afe import errors, parts
from monitor.frontends import offers
from monitor.link import wire
from safety import safe
from signal import ecg


class App:
    """What the acquisition tells, in order."""

    ecg = None

    def __init__(self):
        self.told = []
        self.beats = []

    def on_gap(self, first, lost, reason):
        self.told.append(("gap", first, lost))

    def on_signal(self, sample, state, reason, off, channel):
        self.told.append(("signal", sample, state, channel))

    def on_blind(self):
        pass

    def on_beat(self, index, amplitude_uv, width_ms, confidence, flags):
        self.beats.append((index, amplitude_uv, flags))

    def on_channel(self, before, reason):
        self.told.append(("channel", before, reason))
        self.changed_at = self.acquisition.index

    def on_fault(self, code):
        self.told.append(("fault", code))

    def on_front_end(self):
        self.told.append(("front end",))


class Run:
    def __init__(self, part, volts=ecg, mute=False, **chosen):
        self.board = Board(part, Steps(volts))
        self.board.afe.faults["mute"] = mute
        settings = _settings.Settings()
        for name, value in chosen.items():
            settings.set(getattr(_settings, name), value)
        self.app = App()
        self.acquisition = self.app.acquisition = Acquisition(self.board, settings, self.app)

    def run(self, ms):
        for i in range(ms // 20):
            run_ms(20)
            while self.acquisition.step():
                pass
            if i % 12 == 0:
                self.acquisition.watch()

    def changes(self):
        return [t[1:] for t in self.app.told if t[0] == "channel"]


def check_another_lead_and_back(part):
    r = Run(part)
    r.run(8000)
    assert r.acquisition.channel == 1 and not r.changes()
    r.board.electrodes.set("LA", on=False)
    r.run(6000)
    assert r.acquisition.channel == 2 and r.acquisition.judging
    r.board.electrodes.set("LA", on=True)
    r.run(9000)
    assert r.acquisition.channel == 2
    r.run(8000)
    assert r.acquisition.channel == 1 and r.acquisition.judging
    # It comes back between two beats: one is over (152 ms), the next is not near (400 ms).
    before = [b[0] for b in r.app.beats if b[0] < r.app.changed_at][-1]
    assert 38 < r.app.changed_at - before < 100, (r.app.changed_at, before)
    (_, why), back = r.changes()
    assert why in (wire.SIGNAL_LEAD_OFF, wire.SIGNAL_SATURATED)
    assert back == (2, wire.SIGNAL_GOOD)
    at = [b[0] for b in r.app.beats]
    steps = [b - a for a, b in zip(at, at[1:])]
    # 31 s of a beat every 200 samples: one may be lost where LA went, none anywhere else.
    assert all(abs(s - 200) <= 4 or abs(s - 400) <= 4 for s in steps), steps
    assert sum(s > 300 for s in steps) <= 1, steps
    assert not [t for t in r.app.told if t[0] in ("gap", "fault")]
    # Lead II is a tenth larger, and so are its amplitudes.
    sizes = [b[1] for b in r.app.beats]
    away = [b[1] for b in r.app.beats if at[0] + 2500 < b[0] < at[0] + 4500]
    assert 1.05 < sum(away) / len(away) / sizes[3] < 1.15, (away, sizes)
    clean(r.board)


def check_beats_at_every_gain(part):
    """The least and the most, whatever a code is worth: the same beats of the same size."""
    sizes = []
    for gain in (1, 6, 12):
        r = Run(part, GAIN=gain)
        r.run(7000)
        assert r.acquisition.judging and r.acquisition.fault == 0, gain
        at = [b[0] for b in r.app.beats]
        assert len(at) >= 5 and all(abs(b - a - 200) <= 2 for a, b in zip(at, at[1:])), at
        sizes.append(r.app.beats[-1][1])
    # (At gain 1 a code of a 16-bit part is 73 uV.)
    least = 0.85 if r.acquisition.sampler.afe.part.bits == 16 else 0.98
    assert min(sizes) > least * max(sizes), sizes


def check_a_setting_that_the_part_does_not_offer(part):
    """It is refused; found at a start (the part was exchanged), it is a fault of its own."""
    table = parts.find(part)
    rates = set(table.rates) | set(table.low_power_rates)
    r = Run(part)
    sampler = r.acquisition.sampler
    for rate in _settings.CHOICES[_settings.RATE]:
        assert offers(sampler, _settings.RATE, rate) == (rate in rates), rate
    for gain in _settings.CHOICES[_settings.GAIN]:
        assert offers(sampler, _settings.GAIN, gain) == (gain in table.gains), gain
    assert offers(sampler, _settings.CHANNEL, 99) and offers(None, _settings.GAIN, 99)
    for name, value, offered in (("RATE", 125, rates), ("GAIN", 3, table.gains)):
        r = Run(part, **{name: value})
        if value in offered:
            assert r.acquisition.fault == 0 and r.acquisition.sampler is not None
            continue
        assert r.acquisition.fault == errors.UNSUITABLE and r.acquisition.sampler is None
        safe(r.board)
        r.run(1500)  # tried again
        safe(r.board)


def check_a_front_end_that_gives_no_samples_is_powered_down(part):
    board = Board(part, Steps(ecg))
    board.afe.faults["stuck_drdy"] = True
    app = App()
    app.acquisition = Acquisition(board, _settings.Settings(), app)
    assert app.acquisition.fault == errors.NO_DRDY
    safe(board)


def check_the_scale_is_the_channels_own(part):
    class Known:
        """As a calibration: channel 2 counts double."""

        def nv_per_code(self, nominal, channel):
            return nominal * (1 + channel)

    r = Run(part)
    r.acquisition.sampler.afe.calibration = Known()
    r.run(8000)
    before = r.acquisition.scale
    afe = r.acquisition.sampler.afe
    assert before == round(afe.nominal_nv(0) * 1000) > 1000
    assert r.acquisition.pv_per_code == before
    r.board.electrodes.set("LA", on=False)
    r.run(6000)
    assert r.acquisition.channel == 2
    assert abs(r.acquisition.scale - 2 * before) <= 1
    one, two = r.app.beats[3][1], r.app.beats[-1][1]
    assert 2.1 < two / one < 2.3


def check_the_chosen_channel_is_read_first(part):
    r = Run(part, CHANNEL=1)
    r.run(6000)
    assert r.acquisition.channel == 2
    r.board.electrodes.set("LL", on=False)
    r.run(4000)
    assert r.acquisition.channel == 1


def check_the_baseline_is_followed_anew(part):
    """A pause counts as doubtful while the baseline moves: that of the lead that is read."""

    def volts(lead, k):
        wander = 2e-3 * ((k // 125) % 9) if lead == 1 and k < 2000 else 0.0
        return ecg(lead, k) + wander

    r = Run(part, volts)
    r.run(9000)
    assert not r.acquisition.wandered
    assert r.acquisition.quality.travel(1) > 5000
    r.board.electrodes.set("LA", on=False)
    r.run(300)
    while r.acquisition.channel == 1:
        r.run(20)
    assert not r.acquisition.wandered


def check_a_front_end_that_answers_late(part):
    """Everything is made anew then: what was measured before doesn't count."""
    r = Run(part, mute=True)
    r.run(3000)
    assert r.acquisition.fault == 1
    r.acquisition._travel = 123456  # of whatever was there before
    r.board.afe.faults["mute"] = False
    r.run(8000)
    assert ("front end",) in r.app.told
    assert r.app.beats
    r = Run(part, mute=True)
    r.acquisition._travel = 123456
    r.board.afe.faults["mute"] = False
    r.run(1100)
    assert r.acquisition.sampler is not None
    assert not r.acquisition.wandered


def check_a_gap_is_no_pause_of_the_heart(part):
    """Nothing is measured over it: no interval, no rhythm."""
    r = Run(part)
    r.run(9000)
    known = len(r.app.beats)
    r.board.mask(2800000)  # three and a half beats
    r.run(5000)
    (gap,) = [t for t in r.app.told if t[0] == "gap"]
    assert 690 <= gap[2] <= 705, gap
    assert r.acquisition.overruns == gap[2]
    assert len(r.app.beats) > known + 3
    odd = wire.BEAT_PAUSE | wire.BEAT_PREMATURE | wire.BEAT_IRREGULAR | wire.BEAT_WIDE
    assert not [b for b in r.app.beats if b[2] & odd], r.app.beats
    at = [b[0] for b in r.app.beats]
    inside = [i for i in at if gap[1] <= i < gap[1] + gap[2]]
    assert not inside, (inside, gap)


def check_what_may_not_convert_is_told_and_marked(part):
    r = Run(part)
    r.run(8000)
    blocks = r.acquisition.blocks
    assert blocks > 20 and r.acquisition.judging, blocks
    r.acquisition.allow(False)
    assert not r.acquisition.judging and r.acquisition.state == wire.SIGNAL_FAULT
    assert r.acquisition.lend() is None
    beats, frames = len(r.app.beats), r.board.afe.frames
    r.run(3000)
    assert r.board.afe.frames == frames and len(r.app.beats) <= beats + 1
    r.acquisition.allow(True)
    r.run(6000)
    (gap,) = [t for t in r.app.told if t[0] == "gap"]
    assert abs(gap[2] - 770) < 20, gap
    assert r.acquisition.judging and r.acquisition.blocks > blocks
    assert not [t for t in r.app.told if t[0] == "fault"]
    clean(r.board)


def check_lent_for_a_test_and_given_back(part):
    r = Run(part)
    r.run(6000)
    a = r.acquisition
    afe = a.lend()
    assert afe is a.sampler.afe and a.lend() is None
    a.allow(True)  # (a charger that is pulled out meanwhile changes nothing)
    assert not a.sampler.running
    afe.configure(rate=500, gain=1, inputs="shorted", lead_off=None)
    afe.start()
    run_ms(1000)
    a.give_back()
    r.run(6000)
    gaps = [t for t in r.app.told if t[0] == "gap"]
    assert len(gaps) == 1 and abs(gaps[0][2] - 290) < 60, gaps
    assert afe.rate == 250 and a.judging and not a.fault
    assert a.scale == a.pv_per_code
    assert a.lend() is afe
    a.give_back()
    clean(r.board)


def check_a_front_end_that_is_lost_while_lent(part):
    r = Run(part)
    r.run(4000)
    a = r.acquisition
    a.lend()
    r.board.afe.power(False)
    r.board.afe.faults["mute"] = True
    a.give_back()
    assert a.fault and ("fault", a.fault) in r.app.told
    assert a.lend() is None
    r.board.afe.power(True)
    r.board.afe.faults["mute"] = False
    r.run(6000)
    assert not a.fault and a.judging


def check_a_fault_that_stays_is_told_once(part):
    """And once an hour; a new one at once."""
    r = Run(part)
    assert r.acquisition.fault == 0 and r.acquisition.instant() != (0, 0)
    r.run(4000)
    r.board.afe.power(False)
    r.board.afe.faults["mute"] = True
    r.run(20000)
    faults = [t[1] for t in r.app.told if t[0] == "fault"]
    assert 1 <= len(faults) <= 2 and len(set(faults)) == len(faults), faults
    assert r.acquisition.fault == faults[-1]
    told = len(faults)
    r.acquisition._tell_fault(faults[-1])
    assert len([t for t in r.app.told if t[0] == "fault"]) == told
    run_ms(3601000)
    r.acquisition._tell_fault(faults[-1])
    assert len([t for t in r.app.told if t[0] == "fault"]) == told + 1


def check_without_a_front_end(part):
    r = Run(part, mute=True)
    a = r.acquisition
    assert a.fault and not a.step() and a.instant() == (0, 0) and a.lend() is None
    assert a.index == a.overruns == a.scale == 0
    a.allow(False)
    a.allow(True)
    assert not a.judging


def check_the_sample_index_may_wrap(part):
    """After 2^32 samples: a beat right before that is told like any other."""
    r = Run(part)
    r.run(8000)
    last = r.app.beats[-1][0]
    sampler = r.acquisition.sampler
    sampler.index = (sampler.index - last - 20 * 200 - 8) & 0xFFFFFFFF
    known = len(r.app.beats)
    r.run(24000)
    at = [b[0] for b in r.app.beats[known + 1 :]]
    steps = [(b - a) & 0xFFFFFFFF for a, b in zip(at, at[1:])]
    assert len(at) > 25 and all(abs(s - 200) <= 3 for s in steps), steps
    assert any(0xFFFFFFFF - 16 < i for i in at), [hex(i) for i in at]
    assert at[-1] < 3000


def check_beats_amid_noise_are_watched(part):
    """Flash is erased ahead only while no beat comes: noise alone does not mean that."""
    noise = [0.0]

    def volts(lead, k):
        # Muscle, more or less: no two samples alike, the same in every run.
        return ecg(lead, k) + noise[0] * ((k * 7919 + k // 3 * 104729) % 2001 - 1000) / 1000

    r = Run(part, volts)
    r.run(8000)
    assert r.acquisition.judging and r.acquisition.watching
    noise[0] = 0.6e-3
    unjudged = unwatched = 0
    for _ in range(100):
        r.run(100)
        unjudged += not r.acquisition.judging
        unwatched += not r.acquisition.watching
    assert unjudged > 50 and unwatched == 0, (unjudged, unwatched)
    for name in ("LA", "LL"):
        r.board.electrodes.set(name, on=False)
    r.run(6000)
    assert not r.acquisition.judging and not r.acquisition.watching
