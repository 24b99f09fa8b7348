"""Lead-off flags: where a status word has them, and which of them mean anything.

inputs(part, word)       # input bits as in `leads`: INnP = n-1, INnN = 7+n, right-leg drive = 16
sensed(part, cache)      # those whose comparators are on and whose sense bits are set
"""


def inputs(part, word):
    """The flags of a status word of 24 bits as input bits."""
    if part.family == "two":
        stat = word >> 15 & 0x1F
        return (
            stat & 1
            | (stat >> 1 & 2)
            | (stat << 7 & 0x100)
            | (stat << 6 & 0x200)
            | stat >> 4 << 16
        )
    return word >> 12 & 0xFF | (word >> 4 & 0xFF) << 8


def sensed(part, cache):
    """The inputs that are watched, by what the registers are to hold."""
    if part.family == "two":
        if not cache.get("CONFIG2", "PDB_LOFF_COMP"):
            return 0
        found = 0
        for i in range(part.channels):
            found |= cache.get("LOFF_SENS", "LOFF%dP" % (i + 1)) << i
            found |= cache.get("LOFF_SENS", "LOFF%dN" % (i + 1)) << (i + 8)
        return found
    if not cache.get("CONFIG4", "PD_LOFF_COMP"):
        return 0
    wanted = cache.wanted
    return wanted[part["LOFF_SENSP"].address] | wanted[part["LOFF_SENSN"].address] << 8
