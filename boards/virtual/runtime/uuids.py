"""`bluetooth.UUID`: 16, 32 or 128 bits, little-endian inside, as MicroPython's C type."""

import binascii
import struct


class UUID:
    """UUID(0x180D), UUID("7e1d0001-..."), or UUID(bytes) in the radio's order."""

    def __init__(self, value):
        if isinstance(value, int):
            if not 0 <= value <= 0xFFFF:
                raise ValueError("invalid UUID")
            self._bytes = struct.pack("<H", value)
        elif isinstance(value, str) and len(value) == 36:
            digits = value.replace("-", "")
            if len(digits) != 32:
                raise ValueError("invalid UUID")
            self._bytes = bytes(reversed(binascii.unhexlify(digits)))
        else:
            self._bytes = value.encode() if isinstance(value, str) else bytes(value)
            if len(self._bytes) not in (2, 4, 16):
                raise ValueError("invalid UUID")

    def __iter__(self):  # makes bytes(uuid) work, as the C type's buffer does
        return iter(self._bytes)

    def __len__(self):
        return len(self._bytes)

    def __eq__(self, other):
        return isinstance(other, UUID) and self._bytes == other._bytes

    def __lt__(self, other):
        return bytes(reversed(self._bytes)) < bytes(reversed(other._bytes))

    def __hash__(self):
        return hash(self._bytes)

    def __repr__(self):
        h = binascii.hexlify(bytes(reversed(self._bytes))).decode()
        if len(h) < 32:
            return "UUID(0x%s)" % h
        return "UUID('%s-%s-%s-%s-%s')" % (h[:8], h[8:12], h[12:16], h[16:20], h[20:])

    __str__ = __repr__
