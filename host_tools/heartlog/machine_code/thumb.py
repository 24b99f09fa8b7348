"""What a Thumb-1 instruction costs on a Cortex-M0+.

Cycle counts: Arm, Cortex-M0+ Technical Reference Manual (DDI 0484), section 3.3, with the
single-cycle multiplier of the RP2040 and memory without wait states: ALU 1, load and store 2,
LDM/STM/PUSH/POP 1 + registers (POP with PC 3 + registers), branch taken 2, not taken 1, BL 3,
BX and BLX 2, MOV or ADD to PC 2.
"""

from __future__ import annotations


def thumb_cost(half_word: int) -> tuple[int, int, int]:
    """First half word of an instruction -> (bytes, cycles, further cycles when it branches)."""
    h = half_word
    if h >> 11 in (0b11101, 0b11110, 0b11111):
        return 4, 2, 1  # BL is the one 32-bit instruction of ARMv6-M that programs contain
    if h >> 12 in (5, 6, 7, 8, 9) or h >> 11 == 0b01001:
        return 2, 2, 0
    if h >> 9 in (0b1011010, 0b1011110):
        registers = (h & 0xFF).bit_count() + (h >> 8 & 1)
        return 2, 1 + registers, 2
    if h >> 12 == 0b1100:
        return 2, 1 + (h & 0xFF).bit_count(), 0
    if h >> 12 == 0b1101 or h >> 11 == 0b11100:
        return 2, 1, 1
    if h >> 8 == 0b01000111:
        return 2, 1, 1
    if h >> 8 in (0b01000100, 0b01000110) and (h & 7 | h >> 4 & 8) == 15:
        return 2, 1, 1  # ADD or MOV with PC as destination: how long jumps are made
    return 2, 1, 0
