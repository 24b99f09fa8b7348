"""What a fitting's readings mean, and what to do about them: pure functions.

reading = read_signal(microvolts, rate=250.0)
signal_advice(reading)      # ["R wave 0.31 mV: small. Move LL lower ..."]
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.signal import butter, find_peaks, sosfiltfilt

from heartlog.fit.arrangements import told

GOOD_R_UV, LEAST_R_UV = 500.0, 300.0
"""R wave against which the detector works well, and the least with which a test is worth it."""
NO_R_UV = 100.0
"""Anything smaller is no R wave."""
GOOD_NOISE_UV, MOST_NOISE_UV = 15.0, 35.0
"""In the band of muscle tension, 15 to 40 Hz. Ten-second pieces of seven records of the MIT-BIH
Arrhythmia Database have medians of 7 to 20 uV, the widest QRS complexes included."""
GOOD_RATIO = 15.0
"""R wave over noise."""
HUM_UV = 40.0
WANDER_UV = 1500.0
MIN_SECONDS = 4.0
R_GUARD_S = 0.15
REFERENCE = "RL"
"""Driven by the monitor, not felt: no comparator tells whether it is on while it is driven."""


@dataclass(frozen=True, slots=True)
class SignalReading:
    """Microvolts at the electrodes; `r_wave_uv` is 0 where no R wave was found."""

    seconds: float
    r_wave_uv: float
    noise_uv: float
    hum_uv: float
    hum_hz: float
    wander_uv: float
    rate: float

    @property
    def good(self) -> bool:
        """Whether a test may begin with this signal."""
        return not signal_problems(self)

    def values(self) -> dict[str, float]:
        """Return the reading by name with units."""
        return {
            "r_wave_uV": round(self.r_wave_uv),
            "noise_uV": round(self.noise_uv, 1),
            "hum_uV": round(self.hum_uv, 1),
            "hum_Hz": self.hum_hz,
            "wander_uV": round(self.wander_uv),
            "rate_per_min": round(self.rate),
            "seconds": round(self.seconds, 1),
        }


def read_signal(microvolts: npt.ArrayLike, rate: float) -> SignalReading:
    """Measure R wave, noise between beats, mains hum and baseline wander.

    Noise is the robust standard deviation (1.4826 times the median deviation) of the 15 to 40 Hz
    signal outside 150 ms around R peaks, where P and T waves have little; hum the amplitude of
    the largest of 50 and 60 Hz.
    """
    x = np.asarray(microvolts, np.float64)
    x = x[np.isfinite(x)]
    seconds = len(x) / rate
    if seconds < MIN_SECONDS:
        return SignalReading(seconds, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    slow = sosfiltfilt(butter(2, 0.67, "low", fs=rate, output="sos"), x)
    top = min(40.0, 0.4 * rate)
    clean = sosfiltfilt(butter(2, [0.67, top], "band", fs=rate, output="sos"), x)
    narrow = sosfiltfilt(butter(2, [5.0, min(25.0, top)], "band", fs=rate, output="sos"), x)
    level = float(np.percentile(np.abs(narrow), 98))
    peaks, _ = find_peaks(np.abs(narrow), height=0.5 * level, distance=int(0.3 * rate))
    near = np.zeros(len(x), bool)
    heights = []
    guard = int(R_GUARD_S * rate)
    for at in peaks:
        a, b = max(0, at - guard), min(len(x), at + guard + 1)
        near[a:b] = True
        piece = clean[max(0, at - guard // 2) : at + guard // 2 + 1]
        heights.append(float(np.abs(piece - np.median(clean)).max()))
    rough = sosfiltfilt(butter(2, [15.0, top], "band", fs=rate, output="sos"), x)
    rest = rough[~near] if (~near).sum() > rate else rough
    noise = 1.4826 * float(np.median(np.abs(rest - np.median(rest))))
    r_wave = float(np.median(heights)) if len(heights) >= 3 else 0.0
    if r_wave < max(NO_R_UV, 2.0 * noise):
        r_wave = 0.0
    hum_hz, hum = max(
        ((hz, _amplitude(x, rate, hz)) for hz in (50.0, 60.0) if hz < rate / 2),
        key=lambda pair: pair[1],
        default=(0.0, 0.0),
    )
    span = (peaks[-1] - peaks[0]) / rate if len(peaks) > 2 else 0.0
    return SignalReading(
        seconds=seconds,
        r_wave_uv=r_wave,
        noise_uv=noise,
        hum_uv=hum,
        hum_hz=hum_hz if hum > 5.0 else 0.0,
        wander_uv=float(np.ptp(slow)),
        rate=60.0 * (len(peaks) - 1) / span if span else 0.0,
    )


def _amplitude(x: npt.NDArray[np.float64], rate: float, hz: float) -> float:
    """Amplitude of a sine of `hz`, by a Hann-weighted product with it."""
    window = np.hanning(len(x))
    t = np.arange(len(x)) / rate
    value = np.sum((x - x.mean()) * window * np.exp(-2j * np.pi * hz * t))
    return float(2.0 * np.abs(value) / window.sum())


def signal_problems(r: SignalReading) -> list[str]:
    """Return what is wrong with a signal, worst first, each with what to do."""
    if r.seconds < MIN_SECONDS:
        return ["Too little signal arrived to judge: measure again."]
    out: list[str] = []
    if r.r_wave_uv == 0.0:
        out.append("No R wave stands out: check every electrode and cable, then measure again.")
    elif r.r_wave_uv < LEAST_R_UV:
        out.append(
            f"R wave {r.r_wave_uv / 1000:.2f} mV is too small: move LL lower and further to the "
            "left, or choose the other lead."
        )
    if r.noise_uv > MOST_NOISE_UV:
        out.append(
            f"Noise {r.noise_uv:.0f} uV is too high: let the patient rest the arms; prepare the "
            "skin again; take electrodes off muscle."
        )
    elif r.r_wave_uv and r.noise_uv and r.r_wave_uv / r.noise_uv < GOOD_RATIO:
        out.append(
            f"R wave is only {r.r_wave_uv / r.noise_uv:.0f} times the noise: prepare the skin "
            "again, press the electrodes."
        )
    if r.hum_uv > HUM_UV:
        out.append(
            f"Mains hum {r.hum_uv:.0f} uV at {r.hum_hz:.0f} Hz: unplug what is near, move cables "
            "together, check the reference electrode (RL)."
        )
    if r.wander_uv > WANDER_UV:
        out.append(
            f"Baseline wanders by {r.wander_uv / 1000:.1f} mV: an electrode slides or dries; "
            "press or replace, tape a loop of the cable."
        )
    return out


def signal_advice(r: SignalReading) -> list[str]:
    """Return what to say about a signal: problems, or that it is good and how good."""
    problems = signal_problems(r)
    if problems:
        return problems
    size = "good" if r.r_wave_uv >= GOOD_R_UV else "fair"
    quiet = "quiet" if r.noise_uv <= GOOD_NOISE_UV else "acceptable noise"
    return [
        f"R wave {r.r_wave_uv / 1000:.2f} mV ({size}), noise {r.noise_uv:.0f} uV ({quiet}), "
        f"about {r.rate:.0f}/min."
    ]


def contact_advice(electrode: str, off: bool, attempts: int = 0) -> str:
    """Return what to do about one electrode."""
    if not off and electrode == REFERENCE:
        return f"{told(electrode)}: can't be felt."
    if not off:
        return f"{told(electrode)}: good contact."
    if attempts >= 2:
        return f"{told(electrode)}: still loose. Replace electrode and check the cable's snap."
    return f"{told(electrode)}: loose. Press it, or replace it."
