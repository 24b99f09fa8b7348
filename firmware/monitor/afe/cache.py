"""What the registers ought to hold: changes go here, by field; the driver writes and compares it.

    cache = Cache(part)
    cache.set("CONFIG1", "DR", 1)      # only this field: nothing else is ever clobbered
    cache.wanted[0x01]                 # 0x01

A change of rate that rewrote LOFF was OpenBCI's bug 94: here a register is only ever changed field
by field, on top of what is already wanted, with its reserved bits as the data sheet asks.
"""


class Cache:
    """The wanted value of every register, by address; `wanted` may be sliced."""

    def __init__(self, part):
        self.part = part
        self._bytes = bytearray(len(part.registers))
        self.wanted = memoryview(self._bytes)
        for register in part.registers:
            self._bytes[register.address] = register.mend(register.reset)
        # Volatile and read-only bits need a mask each; a table keeps the comparison free of calls.
        self._masks = bytearray(r.compared() for r in part.registers)

    def set(self, register, field, code):
        r = self.part[register]
        self._bytes[r.address] = r.put(self._bytes[r.address], field, code)

    def get(self, register, field):
        r = self.part[register]
        return r.get(self._bytes[r.address], field)

    def compare(self, values, at=1):
        """The first register, from address `at` on, whose comparable bits differ from what is
        wanted, or None."""
        wanted = self._bytes
        masks = self._masks
        for i in range(at, len(wanted)):
            if (values[i] ^ wanted[i]) & masks[i]:
                return self.part.registers[i]
        return None

    def settling_clocks(self):
        return self.part.settling[self.settling_key()]

    def settling_key(self):
        """The DR code; ADS1298's low-power mode has its own column (DR + 8)."""
        key = self.get("CONFIG1", "DR")
        if self.part.low_power_rates and not self.get("CONFIG1", "HR"):
            key += 8
        return key
