"""What the registers ought to hold: changes go here, by field; the driver writes and compares it.

    cache = Cache(part)
    cache.set("CONFIG1", "DR", 1)      # only this field: nothing else is ever clobbered
    cache.wanted[0x01]                 # 0x01

A change of rate that rewrote LOFF was OpenBCI's bug 94: here a register is only ever changed field
by field, on top of what is already wanted, with its reserved bits as the data sheet asks.
"""

import micropython


@micropython.viper
def difference(at: int, read: ptr8, wanted: ptr8, masks: ptr8) -> int:
    """The highest address, `at` or below, where a bit of the mask was read that is not wanted; -1
    when there is none."""
    while at >= 0:
        if (read[at] ^ wanted[at]) & masks[at]:
            break
        at -= 1
    return at


class Cache:
    """The wanted value of every register, by address; `wanted` may be sliced."""

    def __init__(self, part):
        self.part = part
        self._bytes = bytearray(len(part.registers))
        self.wanted = memoryview(self._bytes)
        for register in part.registers:
            self._bytes[register.address] = register.mend(register.reset)
        # Volatile and read-only bits need a mask each; a table keeps the comparison free of calls.
        self.masks = bytearray(r.compared() for r in part.registers)

    def set(self, register, field, code):
        r = self.part[register]
        self._bytes[r.address] = r.put(self._bytes[r.address], field, code)

    def get(self, register, field):
        r = self.part[register]
        return r.get(self._bytes[r.address], field)

    def settling_clocks(self):
        return self.part.settling[self.settling_key()]

    def settling_key(self):
        """The DR code; ADS1298's low-power mode has its own column (DR + 8)."""
        key = self.get("CONFIG1", "DR")
        if self.part.low_power_rates and not self.get("CONFIG1", "HR"):
            key += 8
        return key
