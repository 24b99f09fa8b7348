"""ADS1293 as data: registers, decimation, rates (SNAS602).

Rates are 102400 / (R1 x R2 x R3) samples/s. ADCMAX, full scale of an offset-binary code, depends
on R2 and R3: the sheet's tables 8 to 11 list five values, which all are (R2 x R3)^5 brought by a
power of two into 2^23 .. 2^24 - 1: 800000h, F30000h (R3 or R2 with one factor of 6 or 12), C35000h
(R2 = 5), B964F0h (5 with 6 or 12) and E6A900h (6 with 6 or 12). One board's mid-scale reading of
6075549 is B964F0h / 2 = 6075000 and its offset.
"""

from monitor.afe.layout import Register

CLOCK = 102400  # samples/s of the modulators, crystal of 4.096 MHz
R1 = {4: 0, 2: 1}
R2 = {4: 1, 5: 2, 6: 4, 8: 8}
R3 = {4: 1, 6: 2, 8: 4, 12: 8, 16: 16, 32: 32, 64: 64, 128: 128}


def adc_max(r2, r3):
    """Full scale of the decimation filters, as the sheet's tables 8 to 11 list it."""
    value = (r2 * r3) ** 5
    while value < 1 << 23:
        value <<= 1
    while value >= 1 << 24:
        value >>= 1
    return value


def rates():
    """{samples/s: (R1, R2, R3)} for whole-numbered rates; of several the one with the least R2."""
    found = {}
    for r1 in sorted(R1):
        for r2 in sorted(R2, reverse=True):
            for r3 in R3:
                if CLOCK % (r1 * r2 * r3) == 0:
                    found[CLOCK // (r1 * r2 * r3)] = (r1, r2, r3)
    return found


def _registers():
    flex = "TST[2] POS[3] NEG[3]"
    layouts = {
        0x00: ("CONFIG", 0x02, "0 0 0 0 0 PWR_DOWN STANDBY START_CON"),
        0x01: ("FLEX_CH1_CN", 0, flex),
        0x02: ("FLEX_CH2_CN", 0, flex),
        0x03: ("FLEX_CH3_CN", 0, flex),
        0x04: ("FLEX_PACE_CN", 0, flex),
        0x05: ("FLEX_VBAT_CN", 0, "0 0 0 0 0 VBAT_CH3 VBAT_CH2 VBAT_CH1"),
        0x06: ("LOD_CN", 0x08, "0 0 0 ACAD_LOD SHDN_LOD SELAC_LOD ACLVL_LOD[2]"),
        0x07: ("LOD_EN", 0, "0 0 EN_LOD[6]"),
        0x08: ("LOD_CURRENT", 0, "CUR_LOD[8]"),
        0x09: ("LOD_AC_CN", 0, "ACDIV_FACTOR ACDIV_LOD[7]"),
        0x0A: ("CMDET_EN", 0, "0 0 CMDET_IN[6]"),
        0x0B: ("CMDET_CN", 0, "0 0 0 0 0 CMDET_BW CMDET_CAPDRIVE[2]"),
        0x0C: ("RLD_CN", 0, "0 RLD_BW RLD_CAPDRIVE[2] SHDN_RLD SELRLD[3]"),
        0x0D: ("WILSON_EN1", 0, "0 0 0 0 0 SELWILSON1[3]"),
        0x0E: ("WILSON_EN2", 0, "0 0 0 0 0 SELWILSON2[3]"),
        0x0F: ("WILSON_EN3", 0, "0 0 0 0 0 SELWILSON3[3]"),
        0x10: ("WILSON_CN", 0, "0 0 0 0 0 0 GOLDINT WILSONINT"),
        0x11: ("REF_CN", 0, "0 0 0 0 0 0 SHDN_CMREF SHDN_REF"),
        0x12: ("OSC_CN", 0, "0 0 0 0 0 STRTCLK SHDN_OSC EN_CLKOUT"),
        0x13: ("AFE_RES", 0, "0 0 FS_HIGH[3] EN_HIRES[3]"),
        0x14: ("AFE_SHDN_CN", 0, "0 0 SHDN_SDM[3] SHDN_INA[3]"),
        0x15: ("AFE_FAULT_CN", 0, "0 0 0 0 0 SHDN_FAULTDET[3]"),
        0x17: ("AFE_PACE_CN", 0x01, "0 0 0 0 0 PACE2RLDIN PACE2WCT SHDN_PACE"),
        0x18: ("ERROR_LOD", 0, "0 0 ~OUT_LOD[6]"),
        0x19: ("ERROR_STATUS", 0, "~ERRORS[8]"),
        0x1F: ("DIGO_STRENGTH", 0x03, "0 0 0 0 0 0 DIGO[2]"),
        0x21: ("R2_RATE", 0x08, "0 0 0 0 R2[4]"),
        0x22: ("R3_RATE_CH1", 0x80, "R3[8]"),
        0x23: ("R3_RATE_CH2", 0x80, "R3[8]"),
        0x24: ("R3_RATE_CH3", 0x80, "R3[8]"),
        0x25: ("R1_RATE", 0, "0 0 0 0 0 R1[3]"),
        0x26: ("DIS_EFILTER", 0, "0 0 0 0 0 DIS_E[3]"),
        0x27: ("DRDYB_SRC", 0, "0 0 SRC[6]"),
        0x2A: ("MASK_ERR", 0, "MASK[8]"),
        0x2F: ("CH_CNFG", 0, "0 E3_EN E2_EN E1_EN P3_EN P2_EN P1_EN STS_EN"),
        0x40: ("REVID", 0x01, "!REVID[8]"),
    }
    return [Register(a, n, reset, layout) for a, (n, reset, layout) in sorted(layouts.items())]


class Part1293:
    """What driver, sampler and signal state ask of a part; see `parts.Part`."""

    name = "ADS1293"
    family = "1293"
    bits = 24
    channels = 3
    id = 0x01
    tclk_ns = 244  # 4.096 MHz
    respiration = False
    gains = {3.5: 0}  # the instrumentation amplifier's, fixed
    default_vref = 2.4
    status_bytes = 2  # what comes back during the command byte, and DATA_STATUS
    sample_bytes = 3

    def __init__(self):
        self.rates = rates()
        self.registers = _registers()
        self._by_name = {r.name: r for r in self.registers}
        self.use(3)

    def use(self, channels):
        """The frame for so many channels: command, status, three bytes each."""
        self.slots = channels
        self.channels = channels
        self.frame_bytes = 2 + 3 * channels
        # DATA_STATUS has a bit for each channel that is ready, E1 = bit 5: all must be.
        self.sync_mask = self.sync = ((1 << channels) - 1) << 13

    def __getitem__(self, name):
        return self._by_name[name]

    def __contains__(self, name):
        return name in self._by_name
