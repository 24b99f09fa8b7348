"""Features of the parts with four to eight channels; `features` tells what each argument means.

Beside those: `wct` makes the Wilson central terminal of RA, LA and LL (ADS119x, ADS129x: on
unless it is False) with the electrodes where `leads` puts them (CH1 = LA-RA, CH2 = LL-RA): chest
leads are measured against it. An ADS1299 has none; it takes three resistors.
"""

from monitor.afe.features import channels, option

# WCT1/WCT2 choose an input for each of three amplifiers (SBAS459, WCT1: 001 = CH1N, 000 = CH1P,
# 010 = CH2P).
_CH1P, _CH1N, _CH2P = 0, 1, 2
# LOFF.FLEAD_OFF: ADS119x and ADS129x ask for 01 (AC at rate/4) or 11 (DC) while anything is
# sensed; on ADS1299 00 is DC and 11 is AC at rate/4.
_FLEAD = {"119x": {"ac": 1, "dc": 3}, "129x": {"ac": 1, "dc": 3}, "1299": {"ac": 3, "dc": 0}}


def apply(cache, part, inputs, given):
    used = [i for i in range(part.channels) if inputs[i] != "off"]
    bias = "BIAS" if part.series == "1299" else "RLD"
    rld = given.get("rld", used[:1])
    if rld is not None:
        channels(rld, part, "rld")
        cache.set("CONFIG3", bias + "REF_INT", 1)
        cache.set("CONFIG3", "PD_" + bias, 1)  # 1 means on
        for i in rld:
            cache.set(bias + "_SENSP", "%s%dP" % (bias, i + 1), 1)
            cache.set(bias + "_SENSN", "%s%dN" % (bias, i + 1), 1)
    if "rld" in inputs:
        cache.set("CONFIG3", bias + "_MEAS", 1)
    mode = given.get("lead_off", "dc")
    if mode is not None:
        modes = _FLEAD[part.series]
        if mode not in modes:
            raise ValueError('lead_off must be None, "dc" or "ac", not %r' % (mode,))
        amperes = option(part.lead_off_amperes, given, "lead_off_amperes", 6e-9)
        percent = option(part.lead_off_percent, given, "lead_off_percent", 95)
        cache.set("CONFIG4", "PD_LOFF_COMP", 1)  # 1 means on
        cache.set("LOFF", "COMP_TH", percent)
        cache.set("LOFF", "ILEAD_OFF", amperes)
        cache.set("LOFF", "FLEAD_OFF", modes[mode])
        for i in channels(given.get("lead_off_channels", used), part, "lead_off_channels"):
            cache.set("LOFF_SENSP", "LOFF%dP" % (i + 1), 1)
            cache.set("LOFF_SENSN", "LOFF%dN" % (i + 1), 1)
    test = given.get("test_signal")
    if test is not None:
        if test not in ("square", "dc"):
            raise ValueError('test_signal must be None, "square" or "dc", not %r' % (test,))
        cache.set("CONFIG2", "INT_TEST", 1)
        cache.set("CONFIG2", "TEST_FREQ", 0 if test == "square" else 3)
    if given.get("wct", "WCT1" in part):
        if "WCT1" not in part:
            raise ValueError("an %s makes no Wilson central terminal" % part.name)
        cache.set("WCT1", "PD_WCTA", 1)
        cache.set("WCT1", "WCTA", _CH1N)
        cache.set("WCT2", "PD_WCTB", 1)
        cache.set("WCT2", "WCTB", _CH1P)
        cache.set("WCT2", "PD_WCTC", 1)
        cache.set("WCT2", "WCTC", _CH2P)
    resp = given.get("respiration")
    if resp is not None:
        from monitor.afe import respiration

        respiration.apply(cache, part, resp)
