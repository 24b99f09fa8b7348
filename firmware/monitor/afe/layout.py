"""Registers as the data sheets draw them: one line of text each, most significant bit first.

    r = Register(0x03, "LOFF", 0x10, "COMP_TH[3] 1 ILEAD_OFF[2] 0 FLEAD_OFF")
    r.put(0x10, "FLEAD_OFF", 1)  # 0x11
    r.text(0x11)                 # "flead_off=1"

A word of the text is a field (`GAIN[3]` is three bits wide), or a reserved bit (`0` or `1`: what
has to be written there). `~` marks a field that the part changes by itself (status: volatile, read
only); `!` one that can only be read and stays. Driver, models, dump and tests read this table.
"""


class Register:
    """One register: address, name, value after reset, fields, and masks over its eight bits.

    `ones` and `reserved`: a valid write has `value & reserved == ones`. A part may still read
    something else after reset (RESP1 of ADS1292R does). `readable_only` bits ignore writes;
    `volatile` ones change by themselves and say nothing in a comparison.
    """

    def __init__(self, address, name, reset, layout, values=None, absent=False):
        self.address = address
        self.name = name
        self.reset = reset
        self.fields = []  # (name, shift, width), most significant first
        self.reserved = 0
        self.ones = 0
        self.read_only = 0
        self.volatile = 0
        self.values = values or {}  # field -> {meaning: code}
        self.absent = absent  # a place in the map that this part does not have: reads are no fact
        bit = 8
        for word in layout.split():
            if word in ("0", "1"):
                bit -= 1
                self.reserved |= 1 << bit
                self.ones |= int(word) << bit
                continue
            mark = word[0]
            word = word.lstrip("~!")
            width = 1
            if word.endswith("]"):
                word, width = word[:-1].split("[")
                width = int(width)
            bit -= width
            mask = ((1 << width) - 1) << bit
            if mark == "~":
                self.volatile |= mask
            if mark in "~!":
                self.read_only |= mask
            self.fields.append((word, bit, width))
        if bit != 0:
            raise ValueError("%s: the layout has %d bits, not 8" % (name, 8 - bit))

    def field(self, name):
        """(shift, width) of a field; KeyError when the register has none of that name."""
        for known, shift, width in self.fields:
            if known == name:
                return shift, width
        raise KeyError("%s has no field %s" % (self.name, name))

    def has(self, name):
        return any(known == name for known, _, _ in self.fields)

    def put(self, value, name, code):
        """`value` with the field set to `code`; everything else, reserved bits too, as it was."""
        shift, width = self.field(name)
        if not 0 <= code < 1 << width:
            raise ValueError(
                "%s.%s holds %d bits, %r does not fit" % (self.name, name, width, code)
            )
        return value & ~(((1 << width) - 1) << shift) | code << shift

    def get(self, value, name):
        shift, width = self.field(name)
        return value >> shift & ((1 << width) - 1)

    def valid(self, value):
        """Whether `value` may be written: the reserved bits are what the data sheet asks for."""
        return value & self.reserved == self.ones

    def mend(self, value):
        """`value` with its reserved bits as they have to be written."""
        return value & ~self.reserved & 0xFF | self.ones

    def compared(self):
        """Mask of the bits that must read back as written."""
        return 0 if self.absent else ~(self.volatile | self.read_only) & 0xFF

    def text(self, value):
        """The fields by name, `gain=6 mux=normal`; without zero ones that have no names."""
        parts = []
        for name, shift, width in self.fields:
            code = value >> shift & ((1 << width) - 1)
            meaning = None
            for known, number in self.values.get(name, {}).items():
                if number == code:
                    meaning = known
            if meaning is not None:
                parts.append("%s=%s" % (name.lower(), meaning))
            elif name in self.values:
                parts.append("%s=%d?" % (name.lower(), code))
            elif code:
                parts.append("%s=%d" % (name.lower(), code))
        if value & self.reserved != self.ones:
            parts.append("reserved!")
        return " ".join(parts)
