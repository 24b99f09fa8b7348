"""Measures a board's rails with ADS1115 converters and holds them to the board's limits.

    results = measure(open_bus(), board.rails)
    all(result.passed for result in results)

The converters are read by Adafruit's own library on the I2C bus that Blinka finds: a Raspberry
Pi's pins, or an FT232H or MCP2221A on USB (set BLINKA_FT232H=1 or BLINKA_MCP2221=1). Each rail is
read 16 times at 128 samples/s at +/-4.096 V: one bit is 125 uV (SBAS444, table 7-1), and the mean
over an eighth of a second takes the mains' hum out.
"""

import contextlib
import io
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from heartlog.errors import CommandError
from heartlog.image.board import Rail

READS = 16
RATE = 128
GAIN = 1  # +/-4.096 V
# A rail that moves by more than this over its reads is not steady: a bad joint, or an oscillation.
MOST_SPREAD_MV = 50.0
_NO_BUS = (
    ImportError,
    NotImplementedError,
    AttributeError,
    RuntimeError,
    OSError,
    ValueError,
)
INSTALL = 'Install the rig\'s packages: pip install "heartlog[cable]"'


@dataclass(frozen=True)
class Measured:
    """One rail: mean and spread (largest less smallest) in mV at the rail, and its limits."""

    name: str
    mv: float
    spread_mv: float
    least_mv: int
    most_mv: int
    why: str

    @property
    def passed(self) -> bool:
        """Whether the mean is within the limits and the rail is steady."""
        return self.least_mv <= self.mv <= self.most_mv and self.spread_mv <= MOST_SPREAD_MV

    def words(self) -> str:
        """As it is shown to a person."""
        end = "pass" if self.passed else "FAIL"
        return (
            f"{self.name} {self.mv:.0f} mV (limits {self.least_mv} to {self.most_mv}),"
            f" moving by {self.spread_mv:.1f} mV: {end}"
        )


def open_bus() -> Any:
    """The I2C bus that Blinka finds on this computer.

    Raises:
        CommandError: no such hardware here, or its packages are missing.
    """
    try:
        # Blinka prints what it thinks of this computer, and misses modules on one it can't use.
        with contextlib.redirect_stdout(io.StringIO()):
            import busio

            import board

            return busio.I2C(board.SCL, board.SDA)
    except _NO_BUS as error:
        if isinstance(error, ImportError) and error.name in ("board", "busio"):
            raise CommandError(f"The rig needs the package {error.name}.", INSTALL) from error
        why = "" if isinstance(error, ImportError) else f" ({error})"  # those name files only
        raise CommandError(
            f"This computer has no I2C bus that the rig could be on{why}.",
            "Use a Raspberry Pi with I2C switched on, or an FT232H or MCP2221A adapter with"
            " BLINKA_FT232H=1 or BLINKA_MCP2221=1 set; or leave the rig out with --no-rig.",
        ) from error


def measure(bus: Any, rails: Sequence[Rail]) -> list[Measured]:
    """Measure each rail on `bus` (a busio.I2C or anything with its methods).

    Raises:
        CommandError: a converter does not answer.
    """
    try:
        from adafruit_ads1x15.ads1115 import ADS1115
        from adafruit_ads1x15.analog_in import AnalogIn
    except ImportError as error:
        raise CommandError(f"The rig needs the package {error.name}.", INSTALL) from error
    chips: dict[int, Any] = {}
    results = []
    for rail in rails:
        try:
            if rail.chip not in chips:
                chips[rail.chip] = ADS1115(bus, gain=GAIN, data_rate=RATE, address=rail.chip)
            channel = AnalogIn(chips[rail.chip], rail.channel)
            volts = [channel.voltage * rail.divider for _ in range(READS)]
        except (ValueError, OSError) as error:
            raise CommandError(
                f"The rig's converter at 0x{rail.chip:02X} (for {rail.name}) does not answer"
                f" ({error}).",
                "Check the rig's cable and the converter's address pin.",
            ) from error
        results.append(
            Measured(
                rail.name,
                1000 * statistics.fmean(volts),
                1000 * (max(volts) - min(volts)),
                rail.least_mv,
                rail.most_mv,
                rail.why,
            )
        )
    return results
