"""Every part of the family as data, and which one an ID byte names.

    part = find(0x73)             # ADS1292R
    part.rates, part.gains        # {125: 0, 250: 1, ...}, {6: 0, 1: 1, ...}
    part["CH1SET"].text(0x00)     # "gain=6 mux=normal"
    part.code_volts(6, 2.42)      # volts of one code

The tables of the two families are in `two_channel` and `eight_channel`, imported when they are
wanted: a board holds one of them in memory. Sources: TI SBAS502 (ADS1291/2/2R), SBAS566
(ADS1191/2), SBAS459 (ADS1294/6/8 and R), SBAS471 (ADS1194/6/8), SBAS499 (ADS1299-4/-6/-8).
"""

# What each ID byte means: (mask, value, part). ADS1299 keeps the silicon's revision in the upper
# three bits; the others are whole bytes.
IDS = (
    (0xFF, 0x50, "ADS1191"),
    (0xFF, 0x51, "ADS1192"),
    (0xFF, 0x52, "ADS1291"),
    (0xFF, 0x53, "ADS1292"),
    (0xFF, 0x73, "ADS1292R"),
    (0xFF, 0xB4, "ADS1194"),
    (0xFF, 0xB5, "ADS1196"),
    (0xFF, 0xB6, "ADS1198"),
    (0xFF, 0x90, "ADS1294"),
    (0xFF, 0x91, "ADS1296"),
    (0xFF, 0x92, "ADS1298"),
    (0xFF, 0xD0, "ADS1294R"),
    (0xFF, 0xD1, "ADS1296R"),
    (0xFF, 0xD2, "ADS1298R"),
    (0x1F, 0x1C, "ADS1299-4"),
    (0x1F, 0x1D, "ADS1299-6"),
    (0x1F, 0x1E, "ADS1299"),
)
NAMES = tuple(name for _, _, name in IDS)
TWO_CHANNEL = NAMES[:5]


class Part:
    """One part. Times are counts of its clock (`tclk_ns`); rates in samples/s, gains as factors.

    `rates`: {samples/s: DR code}; `gains`: {factor: code}; `vrefs`: {volts: VREF code};
    `muxes`: {input: code}; `settling`: {DR code: tCLK from START to the first DRDY};
    `frame_bytes`, `status_bytes`, `sample_bytes`: the shape of what RDATAC delivers;
    `sync_mask`/`sync`: what the status word, widened to 24 bits, has to look like.
    """

    def __init__(self, name, id_mask, id_value, registers, **facts):
        self.name = name
        self.id_mask = id_mask
        self.id = id_value
        self.registers = registers
        for fact, value in facts.items():
            setattr(self, fact, value)
        self.status_bytes = 2 if self.bits == 16 and self.family == "two" else 3
        self.sample_bytes = self.bits // 8
        self.frame_bytes = self.status_bytes + self.sample_bytes * self.slots
        self.sync = 0xC00000
        # The two-channel parts' status ends in zeros (13 of 24 bits): a stronger test of sync.
        self.sync_mask = 0xF01FFF if self.family == "two" else 0xF00000
        self._by_name = {r.name: r for r in registers}

    def __getitem__(self, name):
        return self._by_name[name]

    def __contains__(self, name):
        return name in self._by_name

    def code_volts(self, gain, vref):
        """Volts at the inputs of one code: VREF / (2^(bits-1) - 1) / gain (data sheets, 9.4.x)."""
        return vref / ((1 << (self.bits - 1)) - 1) / gain


def name_of(id_byte):
    """The part's name, or None when no part answers with that byte."""
    for mask, value, name in IDS:
        if id_byte & mask == value:
            return name
    return None


def find(what):
    """The `Part` of an ID byte or a name; KeyError when there is none."""
    name = name_of(what) if isinstance(what, int) else what
    for mask, value, known in IDS:
        if known == name:
            if name in TWO_CHANNEL:
                from monitor.afe import two_channel as family
            else:
                from monitor.afe import eight_channel as family
            return family.build(name, mask, value)
    raise KeyError("no part %r: there are %s" % (what, ", ".join(NAMES)))
