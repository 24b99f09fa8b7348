"""What the data sheets ask of whoever talks to the parts: the models' own copy of the facts.

Written from SBAS502 (ADS1291/2/2R), SBAS566 (ADS1191/2), SBAS459 (ADS1294/6/8), SBAS471 (ADS119x)
and SBAS499 (ADS1299), not from the driver's table: a wait that is wrong there is caught here.
Times are counts of tCLK unless they say otherwise.
"""


class Timing:
    def __init__(self, fclk, power_up, reset_low, reset, settling, cs_after, sclk_ns):
        self.fclk = fclk
        self.power_up = power_up  # supplies up (or PWDN high) to the first SCLK
        self.reset_low = reset_low  # least low time of the RESET pin
        self.reset = reset  # RESET pin high, or opcode, to the first SCLK
        self.settling = settling  # by DR code: START high to DRDY low
        self.decode = 4  # end of one byte of a command to the end of the next
        self.cs_after = cs_after  # last SCLK falling edge to CS high
        self.cs_high = 2
        self.sclk_ns = sclk_ns  # least SCLK period, DVDD >= 2.7 V
        self.wakeup = 4

    def ns(self, clocks):
        return clocks * 1000000000 // self.fclk


def _mod(counts):
    return [4 * n for n in counts]  # tMOD = 4 tCLK


def of(part_name):
    """The `Timing` of a part."""
    if part_name in ("ADS1191", "ADS1192", "ADS1291", "ADS1292", "ADS1292R"):
        return Timing(
            512000,
            power_up=4 * 4096,
            reset_low=4,
            reset=36,
            settling=_mod([4100, 2052, 1028, 516, 260, 132, 68]),
            cs_after=3,
            sclk_ns=50,
        )
    if part_name.startswith("ADS1299"):
        settling = [521, 1033, 2057, 4105, 8201, 16393, 32777]
    elif part_name.startswith("ADS119"):
        # SBAS471: fMOD = fCLK/16 here too; 8 kSPS (DR 000) to 125 SPS (DR 110).
        settling = [1160, 2312, 4616, 9224, 18440, 36872, 73736]
    else:
        # High resolution first, then the low-power column at DR + 8.
        settling = [296, 584, 1160, 2312, 4616, 9224, 18440, 0]
        settling += [584, 1160, 2312, 4616, 9224, 18440, 36872]
    return Timing(
        2048000,
        power_up=1 << 18,
        reset_low=2,
        reset=18,
        settling=settling,
        cs_after=4,
        sclk_ns=50,
    )
