"""ADS1194/6/8, ADS1294/6/8 and R, ADS1299-4/-6/-8: their registers, options and times.

One map of 26 registers (24 on ADS1299) with differences by series. Bits as drawn in SBAS471,
SBAS459 and SBAS499. What the sheets leave open: CONFIG2 of ADS1298 resets to 40h by the sheet and
00h by silicon, so nobody relies on it; RESP bit 5 must be written 1 and resets to 0.
"""

from monitor.afe.layout import Register
from monitor.afe.parts import Part

_GAINS = {6: 0, 1: 1, 2: 2, 3: 3, 4: 4, 8: 5, 12: 6}
_GAINS_1299 = {1: 0, 2: 1, 4: 2, 6: 3, 8: 4, 12: 5, 24: 6}
_RATES_119X = {8000: 0, 4000: 1, 2000: 2, 1000: 3, 500: 4, 250: 5, 125: 6}
_RATES_129X = {32000: 0, 16000: 1, 8000: 2, 4000: 3, 2000: 4, 1000: 5, 500: 6}
_RATES_LOW = {16000: 0, 8000: 1, 4000: 2, 2000: 3, 1000: 4, 500: 5, 250: 6}
_VREFS = {2.4: 0, 4.0: 1}
MUXES = {
    "normal": 0,
    "shorted": 1,
    "rld": 2,
    "supply": 3,
    "temperature": 4,
    "test": 5,
    "rld_p": 6,
    "rld_n": 7,
}
_AMPERES = {6e-9: 0, 12e-9: 1, 18e-9: 2, 24e-9: 3}
_AMPERES_1299 = {6e-9: 0, 24e-9: 1, 6e-6: 2, 24e-6: 3}
_PERCENT = {95: 0, 92.5: 1, 90: 2, 87.5: 3, 85: 4, 80: 5, 75: 6, 70: 7}

# Counts of tCLK (2.048 MHz: 488 ns).
WAITS = {
    "power_up": 1 << 18,  # 128 ms; 32 ms failed one boot in fifty
    "reset_low": 2,
    "reset": 18,
    "decode": 4,
    "wakeup": 4,
    "cs_after": 4,
    "cs_high": 2,
}


def _bits(prefix, suffix, channels, mark=""):
    """Eight bits, channel 8 first; channels that the part does not have are reserved."""
    return " ".join(
        "%s%s%d%s" % (mark, prefix, n, suffix) if n <= channels else "0" for n in range(8, 0, -1)
    )


def _registers(name, channels, series, gains, rates, low):
    bias = "BIAS" if series == "1299" else "RLD"
    channel_values = {"GAIN": {str(k): v for k, v in gains.items()}, "MUX": MUXES}
    amperes = _AMPERES_1299 if series == "1299" else _AMPERES
    loff_values = {
        "COMP_TH": {"%g%%" % k: v for k, v in _PERCENT.items()},
        "ILEAD_OFF": {"%gnA" % (k * 1e9): v for k, v in amperes.items()},
    }
    rate_values = {} if low else {"DR": {str(k): v for k, v in rates.items()}}
    if series == "119x":
        config1 = (0x04, "0 DAISY_EN CLK_EN 0 0 DR[3]")
        config2 = (0x20, "0 0 1 INT_TEST 0 TEST_AMP TEST_FREQ[2]")
        config3 = (0x40, "PD_REFBUF 1 VREF_4V RLD_MEAS RLDREF_INT PD_RLD RLD_LOFF_SENS ~RLD_STAT")
        loff = "COMP_TH[3] VLEAD_OFF_EN ILEAD_OFF[2] FLEAD_OFF[2]"
        channel = (0x00, "PD GAIN[3] 0 MUX[3]")
        misc1 = ("PACE", "0 0 0 PACEE[2] PACEO[2] PD_PACE")
        misc2 = ("RESERVED", "0 0 0 0 0 0 0 0")
        config4 = "0 0 0 0 SINGLE_SHOT WCT_TO_RLD PD_LOFF_COMP 0"
    elif series == "129x":
        config1 = (0x06, "HR DAISY_EN CLK_EN 0 0 DR[3]")
        config2 = (0x00, "0 0 WCT_CHOP INT_TEST 0 TEST_AMP TEST_FREQ[2]")
        config3 = (0x40, "PD_REFBUF 1 VREF_4V RLD_MEAS RLDREF_INT PD_RLD RLD_LOFF_SENS ~RLD_STAT")
        loff = "COMP_TH[3] VLEAD_OFF_EN ILEAD_OFF[2] FLEAD_OFF[2]"
        channel = (0x00, "PD GAIN[3] 0 MUX[3]")
        misc1 = ("PACE", "0 0 0 PACEE[2] PACEO[2] PD_PACE")
        misc2 = (
            "RESP",
            "DEMOD_EN MOD_EN 1 PH[3] CTRL[2]" if name.endswith("R") else "0 0 1 0 0 0 0 0",
        )
        config4 = "RESP_FREQ[3] 0 SINGLE_SHOT WCT_TO_RLD PD_LOFF_COMP 0"
    else:
        config1 = (0x96, "1 DAISY_EN CLK_EN 1 0 DR[3]")
        config2 = (0xC0, "1 1 0 INT_TEST 0 TEST_AMP TEST_FREQ[2]")
        config3 = (
            0x60,
            "PD_REFBUF 1 1 BIAS_MEAS BIASREF_INT PD_BIAS BIAS_LOFF_SENS ~BIAS_STAT",
        )
        loff = "COMP_TH[3] 0 ILEAD_OFF[2] FLEAD_OFF[2]"
        channel = (0x61, "PD GAIN[3] SRB2 MUX[3]")
        misc1 = ("MISC1", "0 0 SRB1 0 0 0 0 0")
        misc2 = ("MISC2", "0 0 0 0 0 0 0 0")
        config4 = "0 0 0 0 SINGLE_SHOT 0 PD_LOFF_COMP 0"
    rows = [
        Register(0x00, "ID", 0, "!ID[8]"),
        Register(0x01, "CONFIG1", config1[0], config1[1], rate_values),
        Register(0x02, "CONFIG2", config2[0], config2[1]),
        Register(0x03, "CONFIG3", config3[0], config3[1]),
        Register(0x04, "LOFF", 0x00, loff, loff_values),
    ]
    for n in range(1, 9):
        here = n <= channels
        rows.append(
            Register(
                0x04 + n,
                "CH%dSET" % n,
                channel[0] if here else 0x00,
                channel[1] if here else "0 0 0 0 0 0 0 0",
                channel_values if here else None,
                absent=not here,
            )
        )
    rows += [
        Register(0x0D, bias + "_SENSP", 0x00, _bits(bias, "P", channels)),
        Register(0x0E, bias + "_SENSN", 0x00, _bits(bias, "N", channels)),
        Register(0x0F, "LOFF_SENSP", 0x00, _bits("LOFF", "P", channels)),
        Register(0x10, "LOFF_SENSN", 0x00, _bits("LOFF", "N", channels)),
        Register(0x11, "LOFF_FLIP", 0x00, _bits("FLIP", "", channels)),
        Register(0x12, "LOFF_STATP", 0x00, _bits("IN", "P_OFF", 8, "~")),
        Register(0x13, "LOFF_STATN", 0x00, _bits("IN", "N_OFF", 8, "~")),
        Register(0x14, "GPIO", 0x0F, "~GPIOD[4] GPIOC[4]"),
        Register(0x15, misc1[0], 0x00, misc1[1]),
        Register(0x16, misc2[0], 0x00, misc2[1]),
        Register(0x17, "CONFIG4", 0x00, config4),
    ]
    if series != "1299":
        rows += [
            Register(0x18, "WCT1", 0x00, "AVF_CH6 AVL_CH5 AVR_CH7 AVR_CH4 PD_WCTA WCTA[3]"),
            Register(0x19, "WCT2", 0x00, "PD_WCTC PD_WCTB WCTB[3] WCTC[3]"),
        ]
    return rows


def _settling(rates, base, fclk=2048000):
    """tCLK from START to the first DRDY by DR code: the sheets' tables follow these two rules.

    SBAS459 and SBAS471: 4.5 sample periods + 8 (296 at 32 kSPS, 18440 at 500). SBAS499: 4 periods
    + 9 (521 at 16 kSPS, 32777 at 250).
    """
    found = {}
    for sps, code in rates.items():
        period = fclk // sps
        found[code + base] = period * 4 + period // 2 + 8
    return found


def build(name, id_mask, id_value):
    if name.startswith("ADS1299"):
        series, bits = "1299", 24
        channels = {"-4": 4, "-6": 6}.get(name[7:], 8)
        rates, low, gains = _RATES_LOW, {}, _GAINS_1299
        settling = {code: 2048000 // sps * 4 + 9 for sps, code in rates.items()}
    else:
        channels = int(name[6])
        gains = _GAINS
        if name.startswith("ADS119"):
            series, bits = "119x", 16
            rates, low = _RATES_119X, {}
            settling = _settling(rates, 0)
        else:
            series, bits = "129x", 24
            rates, low = _RATES_129X, _RATES_LOW
            settling = _settling(rates, 0)
            settling.update(_settling(low, 8))
    return Part(
        name,
        id_mask,
        id_value,
        _registers(name, channels, series, gains, rates, low),
        family="eight",
        series=series,
        bits=bits,
        channels=channels,
        slots=channels,
        tclk_ns=489,
        rates=rates,
        low_power_rates=low,
        gains=gains,
        vrefs={4.5: 0} if series == "1299" else _VREFS,
        default_vref=4.5 if series == "1299" else 2.4,
        muxes=MUXES,
        lead_off_amperes=_AMPERES_1299 if series == "1299" else _AMPERES,
        lead_off_percent=_PERCENT,
        respiration=name.endswith("R"),
        waits=WAITS,
        power_down_clocks=0,
        settling=settling,
    )
