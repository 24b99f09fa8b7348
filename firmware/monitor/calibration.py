"""Calibration of the front end: kept with date and part, refused when it is implausible.

    Calibration.of(test, "2026-05-04").save("/calibration.json")   # after `SelfTest.run`
    gains = known_gains(afe, board, 1000, by_interrupt)            # `measuring`: 1 mV is there
    Calibration.of(test, "2026-05-04", gains, "1000 uV").save("/calibration.json")
    load_for(afe, "/")                                             # at boot: afe.calibration

Only a calibration from a known signal at the electrodes corrects the scale. The part's own test
signal is good to 2 % (SBAS502, SBAS459), its reference to 0.5 % and its gain to 0.2 %: what comes
out with it passes or fails the chain, but would make the scale worse.
"""

import json
import os

FILE = "calibration.json"
INTERNAL = "internal"
_IMPLAUSIBLE_PERCENT = 5.0


class Calibration:
    """Gain and offset of each channel with the day they were taken and the part they belong to."""

    def __init__(self, part, date, gain_ppm, offset_codes, rate_ppm=0, source="internal"):
        self.part = part
        self.date = date
        self.gain_ppm = list(gain_ppm)
        self.offset_codes = [round(o) for o in offset_codes]
        self.rate_ppm = rate_ppm
        self.source = source
        self._check()

    @classmethod
    def of(cls, test, date, gains=None, source=INTERNAL):
        """From a self-test that passed, and the `gains` in ppm that a known signal showed.

        ValueError when the test failed, or the numbers are not plausible.
        """
        if not test.passed:
            failed = [r.name for r in test.results if not r.passed] or ["it was not run"]
            raise ValueError("no calibration from a failed self-test: %s" % ", ".join(failed))
        gain_ppm = test.gain_ppm if gains is None else gains
        rate = round(test.rate_ppm)
        return cls(test.afe.part.name, date, gain_ppm, test.offset_codes, rate, source)

    def _check(self):
        d = self.date
        if not (isinstance(d, str) and len(d) >= 10 and d[4] == d[7] == "-" and d[:4].isdigit()):
            raise ValueError("a calibration needs its date as YYYY-MM-DD, not %r" % (d,))
        if len(self.gain_ppm) != len(self.offset_codes) or not self.gain_ppm:
            raise ValueError("a calibration needs a gain and an offset for every channel")
        for c, ppm in enumerate(self.gain_ppm):
            if not -_IMPLAUSIBLE_PERCENT <= ppm / 10000 <= _IMPLAUSIBLE_PERCENT:
                raise ValueError(
                    "gain of CH%d is off by %.1f %%: more than %g %% is a fault, not a calibration"
                    % (c + 1, ppm / 10000, _IMPLAUSIBLE_PERCENT)
                )
        for c, codes in enumerate(self.offset_codes):
            if abs(codes) > 1 << 20:
                raise ValueError("offset of CH%d is %d codes: a fault" % (c + 1, codes))

    def save(self, path):
        with open(path + ".new", "w") as file:
            json.dump(self.__dict__, file)
        os.rename(path + ".new", path)  # the old one stays whole until the new one is

    @classmethod
    def load(cls, path, part):
        """ValueError: another part's, damaged, or implausible; OSError: there is none."""
        with open(path) as file:
            try:
                kept = json.load(file)
                found = cls(**kept)
            except (TypeError, KeyError, AttributeError) as error:
                raise ValueError("%s is damaged (%s): calibrate again" % (path, error)) from None
        if found.part != part:
            raise ValueError(
                "%s is of an %s, the front end is an %s: calibrate again"
                % (path, found.part, part)
            )
        return found

    @property
    def applied(self):
        """Whether it corrects the scale: a known signal did, the part's own does not."""
        return self.source != INTERNAL

    def nv_per_code(self, nominal, channel):
        """The corrected scale: a gain that reads 1 % high makes a code 1 % smaller."""
        if not self.applied:
            return nominal
        return nominal / (1 + self.gain_ppm[channel] / 1e6)


def load_for(afe, root):
    """Sets `afe.calibration` to what is kept for this part; "", or why it is not used."""
    afe.calibration = None
    try:
        kept = Calibration.load(root + FILE, afe.part.name)
        if len(kept.gain_ppm) != afe.channels:
            raise ValueError("%s is of %d channels" % (FILE, len(kept.gain_ppm)))
    except OSError:
        return ""  # there is none
    except ValueError as error:
        return str(error)
    afe.calibration = kept
    return ""
