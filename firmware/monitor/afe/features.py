"""What a front end can do beside converting: each feature as plain arguments in physical units.

    afe.configure(rate=250, gain=6, rld=(1,), lead_off="dc", lead_off_amperes=6e-9,
                  lead_off_percent=95, test_signal=None, respiration=None, single_shot=False)

`rld`: channels whose inputs make up the right-leg drive, or None (off; needs an external bias).
`lead_off`: None, "dc" or "ac" (excitation at rate/4); the comparators, the sense bits and the
current are all switched on, because a flag without any one of them means nothing.
`test_signal`: None, "square" (about 1 Hz) or "dc", for the channels whose input is "test".
"""


def rate(cache, part, value):
    for mode, rates in ((1, part.rates), (0, part.low_power_rates)):
        if value in rates:
            if part.low_power_rates:
                cache.set("CONFIG1", "HR", mode)
            cache.set("CONFIG1", "DR", rates[value])
            return
    offers = sorted(set(list(part.rates) + list(part.low_power_rates)))
    raise ValueError(
        "rate must be one of %s samples/s on an %s, not %r"
        % (", ".join(str(r) for r in offers), part.name, value)
    )


def reference(cache, part, code):
    """Internal reference on, at the voltage that `code` names."""
    if part.family == "two":
        cache.set("CONFIG2", "PDB_REFBUF", 1)
        cache.set("CONFIG2", "VREF_4V", code)
    else:
        cache.set("CONFIG3", "PD_REFBUF", 1)
        if len(part.vrefs) > 1:
            cache.set("CONFIG3", "VREF_4V", code)


KNOWN = (
    "rld",
    "lead_off",
    "lead_off_amperes",
    "lead_off_percent",
    "lead_off_channels",
    "test_signal",
    "respiration",
    "wct",
    "single_shot",
)


def apply(cache, part, inputs, given):
    for name in given:
        if name not in KNOWN:
            raise ValueError("no feature %r: there are %s" % (name, ", ".join(KNOWN)))
    if given.get("single_shot"):
        cache.set("CONFIG1" if part.family == "two" else "CONFIG4", "SINGLE_SHOT", 1)
    if part.family == "two":
        if given.get("wct"):
            raise ValueError("an %s makes no Wilson central terminal" % part.name)
        _two(cache, part, inputs, given)
    else:
        from monitor.afe import features_eight

        features_eight.apply(cache, part, inputs, given)


def _two(cache, part, inputs, given):
    used = [i for i in range(part.channels) if inputs[i] != "off"]
    rld = given.get("rld", used[:1])
    if rld is not None:
        channels(rld, part, "rld")
        cache.set(
            "RESP2" if "RESP2" in part else "MISC2", "RLDREF_INT", 1
        )  # the on-chip reference of the right-leg drive
        cache.set("RLD_SENS", "PDB_RLD", 1)
        for i in rld:
            cache.set("RLD_SENS", "RLD%dP" % (i + 1), 1)
            cache.set("RLD_SENS", "RLD%dN" % (i + 1), 1)
    mode = given.get("lead_off", "dc")
    if mode is not None:
        if mode not in ("dc", "ac"):
            raise ValueError('lead_off must be None, "dc" or "ac", not %r' % (mode,))
        amperes = option(part.lead_off_amperes, given, "lead_off_amperes", 6e-9)
        percent = option(part.lead_off_percent, given, "lead_off_percent", 95)
        cache.set("CONFIG2", "PDB_LOFF_COMP", 1)
        cache.set("LOFF", "COMP_TH", percent)
        cache.set("LOFF", "ILEAD_OFF", amperes)
        cache.set("LOFF", "FLEAD_OFF", 1 if mode == "ac" else 0)
        for i in channels(given.get("lead_off_channels", used), part, "lead_off_channels"):
            cache.set("LOFF_SENS", "LOFF%dP" % (i + 1), 1)
            cache.set("LOFF_SENS", "LOFF%dN" % (i + 1), 1)
    test = given.get("test_signal")
    if test is not None:
        if test not in ("square", "dc"):
            raise ValueError('test_signal must be None, "square" or "dc", not %r' % (test,))
        cache.set("CONFIG2", "INT_TEST", 1)
        cache.set("CONFIG2", "TEST_FREQ", 1 if test == "square" else 0)
    resp = given.get("respiration")
    if resp is not None:
        from monitor.afe import respiration

        respiration.apply(cache, part, resp)


def option(options, given, what, default):
    value = given.get(what, default)
    if value not in options:
        raise ValueError(
            "%s must be one of %s, not %r" % (what, ", ".join("%g" % k for k in options), value)
        )
    return options[value]


def channels(numbers, part, what):
    for i in numbers:
        if not 0 <= i < part.channels:
            raise ValueError("%s names channel %r, there are 0..%d" % (what, i, part.channels - 1))
    return numbers
