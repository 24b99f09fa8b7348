"""Breathing from the chest's impedance, on R parts: channel 1 demodulates what they send.

    afe.configure(rate=250, gain=6, respiration={"hertz": 32000, "degrees": 112.5})

A small square-wave current goes through the electrodes of channel 1; the part demodulates it in
step, `degrees` behind the modulator (cables and body delay it). The samples of channel 1 are then
the impedance, not an ECG: slow, around a large constant, and rising with the breath.
Sources: SBAS502 RESP1/RESP2, SBAS459 RESP/CONFIG4.
"""


def phases(part, hertz):
    """{degrees: code} that a part offers at a modulation frequency."""
    if part.family == "two":
        # RESP_PH3:0: 11.25 degrees a step at 32 kHz, 22.5 at 64 kHz (where eight make sense).
        step = 11.25 if hertz == 32000 else 22.5
        return {step * code: code for code in range(16 if hertz == 32000 else 8)}
    return {22.5 * (code + 1): code for code in range(7)}


def apply(cache, part, given):
    if not part.respiration:
        raise ValueError(
            "an %s measures no respiration: ADS1292R, ADS1294R, ADS1296R and ADS1298R do"
            % part.name
        )
    hertz = given.get("hertz", 32000)
    # Below 32 kHz the eight-channel parts only put a square wave on GPIO pins.
    frequencies = {32000: 0, 64000: 1} if part.family == "two" else {64000: 0, 32000: 1}
    if hertz not in frequencies:
        raise ValueError("respiration hertz must be one of 32000, 64000, not %r" % (hertz,))
    offered = phases(part, hertz)
    degrees = given.get("degrees", 112.5)
    if degrees not in offered:
        raise ValueError(
            "respiration degrees must be one of %s, not %r"
            % (", ".join("%g" % d for d in sorted(offered)), degrees)
        )
    if part.family == "two":
        cache.set("RESP1", "DEMOD_EN", 1)
        cache.set("RESP1", "MOD_EN", 1)
        cache.set("RESP1", "PH", offered[degrees])
        cache.set("RESP2", "FREQ", frequencies[hertz])
    else:
        cache.set("RESP", "DEMOD_EN", 1)
        cache.set("RESP", "MOD_EN", 1)
        cache.set("RESP", "PH", offered[degrees])
        cache.set("RESP", "CTRL", 2)  # internal, with the part's own clock
        cache.set("CONFIG4", "RESP_FREQ", frequencies[hertz])
