"""An I2C bus with ADS1115 converters on it, to the registers (Texas Instruments, SBAS444).

    bus = I2CBus({0x48: Ads1115([3.9 / 2, 3.3 / 2, 1.65, 2.42])})

It has the methods of `busio.I2C`; a converter answers byte by byte: address pointer, two-byte
registers, single-shot conversions that take their time. What a real one would not do is written
to `complaints`.
"""

import time
from collections.abc import Callable, Sequence

CONVERSION, CONFIG, LOW, HIGH = range(4)
# Table 7-8: full-scale volts by PGA code, conversions a second by DR code.
FULL_SCALE = (6.144, 4.096, 2.048, 1.024, 0.512, 0.256, 0.256, 0.256)
RATES = (8, 16, 32, 64, 128, 250, 475, 860)
RESET = 0x8583

Volts = float | Callable[[], float]


class Ads1115:
    """One converter; `inputs` are the volts at AIN0 to AIN3, or functions that give them."""

    def __init__(self, inputs: Sequence[Volts], supply: float = 3.3) -> None:
        self.inputs = list(inputs)
        self.supply = supply
        self.registers = [0, RESET, 0x8000, 0x7FFF]
        self.pointer = 0
        self.complaints: list[str] = []
        self.conversions = 0
        self._ready = 0.0

    def _volts(self, channel: int) -> float:
        value = self.inputs[channel]
        volts = value() if callable(value) else value
        if not -0.3 <= volts <= self.supply + 0.3:
            self.complaints.append(f"AIN{channel} is at {volts:.2f} V: beyond the supply")
        return volts

    def _convert(self, config: int) -> None:
        mux = config >> 12 & 7
        if mux >= 4:
            volts = self._volts(mux - 4)  # single-ended: AINx against ground
        else:
            first, second = ((0, 1), (0, 3), (1, 3), (2, 3))[mux]
            volts = self._volts(first) - self._volts(second)
        code = round(volts / FULL_SCALE[config >> 9 & 7] * 32768)
        self.registers[CONVERSION] = max(-32768, min(32767, code)) & 0xFFFF
        self._ready = time.monotonic() + 1 / RATES[config >> 5 & 7]
        self.conversions += 1

    def write(self, data: bytes) -> None:
        """Bytes that follow the address in a write."""
        if not data:
            return
        self.pointer = data[0] & 3
        if len(data) == 1:
            return
        if len(data) != 3:
            self.complaints.append(f"a write of {len(data)} bytes: registers hold two")
            return
        value = data[1] << 8 | data[2]
        if self.pointer == CONVERSION:
            self.complaints.append("the conversion register can only be read")
            return
        self.registers[self.pointer] = value & 0x7FFF if self.pointer == CONFIG else value
        if self.pointer == CONFIG and value & 0x8000:
            if not value & 0x0100:
                self.complaints.append("a single conversion was asked for in continuous mode")
            self._convert(value)

    def read(self, count: int) -> bytes:
        """Bytes of the register that the pointer names."""
        value = self.registers[self.pointer]
        busy = time.monotonic() < self._ready
        if self.pointer == CONFIG:
            value = value & 0x7FFF | (0 if busy else 0x8000)
        elif self.pointer == CONVERSION and busy:
            self.complaints.append("the result was read before the conversion was done")
        return (value.to_bytes(2, "big") * 2)[:count]


class I2CBus:
    """`busio.I2C` with converters by address; OSError where nobody acknowledges."""

    def __init__(self, chips: dict[int, Ads1115]) -> None:
        self.chips = chips
        self._locked = False

    def try_lock(self) -> bool:
        if self._locked:
            return False
        self._locked = True
        return True

    def unlock(self) -> None:
        self._locked = False

    def scan(self) -> list[int]:
        return sorted(self.chips)

    def _chip(self, address: int) -> Ads1115:
        if not self._locked:
            raise RuntimeError("the bus was used without its lock")
        if address not in self.chips:
            raise OSError(121, "Remote I/O error")
        return self.chips[address]

    def writeto(
        self, address: int, buffer: bytes, *, start: int = 0, end: int | None = None
    ) -> None:
        self._chip(address).write(bytes(buffer)[start:end])

    def readfrom_into(
        self, address: int, buffer: bytearray, *, start: int = 0, end: int | None = None
    ) -> None:
        stop = len(buffer) if end is None else end
        buffer[start:stop] = self._chip(address).read(stop - start)

    def writeto_then_readfrom(
        self,
        address: int,
        out_buffer: bytes,
        in_buffer: bytearray,
        *,
        out_start: int = 0,
        out_end: int | None = None,
        in_start: int = 0,
        in_end: int | None = None,
    ) -> None:
        self.writeto(address, out_buffer, start=out_start, end=out_end)
        self.readfrom_into(address, in_buffer, start=in_start, end=in_end)
