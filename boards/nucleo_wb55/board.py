"""ST Nucleo-WB55: pins and buses."""

import machine

NAME = "nucleo_wb55"
ROOT = "/flash"
HARD_IRQ = True
AFE = "ADS1292R"
AFE_BAUDRATE = 4_000_000

# Names of the board's own pin table (Arduino headers); SPI1 on D11 to D13.
PINS = {
    "SCK": "D13",
    "MOSI": "D11",
    "MISO": "D12",
    "CS": "D10",
    "DRDY": "D9",
    "RESET": "D8",
    "START": "D4",
    "BUTTON": "SW1",
    "LED": "LED_BLUE",
    "BUZZER": "D6",
    "BATTERY": "A0",
    "CHARGER": "D5",
}

# The journal's part of the file system, beside one image; none is kept free for a second.
JOURNAL_KIB = 40
JOURNAL_RESERVE = 32768

# Resistor dividers in front of the inputs: equal halves for the cell, 100k over 150k for 5 V.
BATTERY_DIVIDER = 2


def pin(name, mode, value=None, pull=None):
    """The machine.Pin called `name`, set up. KeyError for a name that the board doesn't have."""
    number = PINS[name]
    if value is None:
        return machine.Pin(number, mode, pull)
    return machine.Pin(number, mode, pull, value=value)


def spi(baudrate, phase=1):
    """The bus to the front end: SPI1, whose pins are fixed; mode 1 unless told otherwise."""
    return machine.SPI(1, baudrate=baudrate, polarity=0, phase=phase)


_adc = machine.ADC(machine.Pin(PINS["BATTERY"]))


def battery_millivolts():
    """The cell's voltage in mV, one conversion against the 3.3 V supply."""
    return _adc.read_u16() * 3300 * BATTERY_DIVIDER // 65535


_charger = machine.Pin(PINS["CHARGER"], machine.Pin.IN)


def charger_present():
    """Whether a charger feeds the cell: its 5 V, divided, holds the pin high."""
    return bool(_charger.value())


def journal_device():
    """Where the journal lives: a folder of the board's file system."""
    return "/flash/journal"


def flash_device():
    """None: this flash's error correction allows each double word to be programmed once only."""
    return None
