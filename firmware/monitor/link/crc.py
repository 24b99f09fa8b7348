"""CRC-16/XMODEM (polynomial 0x1021) on MicroPython, as CPython's `binascii.crc_hqx`."""

import micropython


@micropython.viper
def crc_hqx(data, crc: int) -> int:
    p = ptr8(data)
    n = int(len(data))
    for i in range(n):
        crc ^= int(p[i]) << 8
        for _ in range(8):
            if crc & 0x8000:
                crc = (crc << 1) ^ 0x1021
            else:
                crc = crc << 1
        crc &= 0xFFFF
    return crc
