"""Every board's pins exist on a stock MicroPython, belong to nothing else, and can do their work.

Sources: the pin tables of MicroPython's ports (`ports/esp32/machine_pin.h`, `pins.csv` and
`mpconfigboard.h` of the boards), the chips' data sheets for converters and start-up pins.
"""

from dataclasses import dataclass, field

import pytest

from heartlog.image.board import load_board


@dataclass(frozen=True)
class Chip:
    """`pins`: those of a stock build that the board's own parts leave free; `adc`: converters
    that work beside the radio; `high`: have to be high while the chip starts."""

    pins: frozenset[int | str]
    adc: frozenset[int | str]
    high: frozenset[int] = field(default=frozenset())


def numbers(*ranges: tuple[int, int]) -> frozenset[int | str]:
    return frozenset(n for first, last in ranges for n in range(first, last + 1))


CHIPS = {
    # 12 to 17: flash; 11: its supply; 18 and 19: USB, which a stock build keeps for itself, so
    # that `machine.Pin` knows no such pins; 20 and 21: the REPL. ADC1 has 0 to 4.
    "esp32_c3": Chip(numbers((0, 10)), numbers((0, 4)), frozenset({2, 8, 9})),
    # 19 and 20: USB; 26 to 37: flash and PSRAM; 43 and 44: the REPL; 0, 3, 45 and 46 are looked at
    # when it starts. ADC1 has 1 to 10.
    "esp32_s3": Chip(numbers((1, 2), (4, 18), (21, 21), (38, 42), (47, 48)), numbers((1, 10))),
    # 23, 24, 25 and 29 go to the radio chip.
    "pico_w": Chip(numbers((0, 22), (26, 28)), numbers((26, 28))),
    "pico2_w": Chip(numbers((0, 22), (26, 28)), numbers((26, 28))),
    # 2, 3, 8 to 11 and 14: the radio's module; 22 and 23: microphone; 24: motion sensor, which is
    # on the I2C of 12 and 13.
    "nano_rp2040_connect": Chip(numbers((0, 1), (4, 7), (15, 21), (25, 29)), numbers((26, 29))),
    # D0 and D1 are free, too: the REPL is on USART1, the ST-LINK's.
    "nucleo_wb55": Chip(
        frozenset({*(f"D{n}" for n in range(16)), *(f"A{n}" for n in range(6))})
        | {"SW1", "SW2", "SW3", "LED_BLUE", "LED_GREEN", "LED_RED"},
        frozenset(f"A{n}" for n in range(6)),
    ),
}
# Pins of the RP2040's and RP2350's serial buses (data sheets, GPIO functions; GP0 to GP29).
RP2_SPI = {
    0: {"MISO": {0, 4, 16, 20}, "SCK": {2, 6, 18, 22}, "MOSI": {3, 7, 19, 23}},
    1: {"MISO": {8, 12, 24, 28}, "SCK": {10, 14, 26}, "MOSI": {11, 15, 27}},
}


@pytest.mark.parametrize("name", CHIPS)
def test_pins_exist_and_are_free(name: str) -> None:
    chip, wired = CHIPS[name], load_board(name).pins
    assert {pin.pin for pin in wired} <= chip.pins
    (battery,) = (pin for pin in wired if pin.name == "BATTERY")
    assert battery.pin in chip.adc
    for pin in wired:
        if pin.pin in chip.high:  # (the dev board's BOOT button has a resistor of its own)
            assert "to 3.3 V" in pin.to or "BOOT button" in pin.to, pin.name


@pytest.mark.parametrize("name", [name for name in CHIPS if load_board(name).mcu[:2] == "RP"])
def test_buses_are_on_pins_that_the_peripheral_has(name: str) -> None:
    wired = {pin.name: pin.pin for pin in load_board(name).pins}
    for unit, prefix in ((0, ""), (1, "CARD_")):
        for line, able in RP2_SPI[unit].items():
            assert wired.get(prefix + line, min(able)) in able, prefix + line
