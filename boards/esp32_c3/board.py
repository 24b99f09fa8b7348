"""Espressif ESP32-C3-DevKitM-1: pins and buses."""

import esp32
import machine

NAME = "esp32_c3"
ROOT = "/"
HARD_IRQ = False
AFE = "ADS1292R"
AFE_BAUDRATE = 4_000_000

# SCK and MOSI on SPI2's fast pins. The chip looks at 2, 8 and 9 when it starts, so they carry what
# is high then: select, RESET and button. 18 and 19 are the USB that a stock build keeps.
PINS = {
    "SCK": 6,
    "MOSI": 7,
    "MISO": 5,
    "CS": 2,
    "DRDY": 4,
    "RESET": 8,
    "BUTTON": 9,
    "LED": 10,
    "BUZZER": 3,
    "BATTERY": 0,
    "CHARGER": 1,
}

# The journal's part of the file system; two images of 176 KiB and small files fill the rest.
JOURNAL_KIB = 1480

# Resistor dividers in front of the inputs: equal halves for the cell, 100k over 150k for 5 V.
BATTERY_DIVIDER = 2


def pin(name, mode, value=None, pull=None):
    """The machine.Pin called `name`, set up. KeyError for a name that the board doesn't have."""
    number = PINS[name]
    if value is None:
        return machine.Pin(number, mode, pull)
    return machine.Pin(number, mode, pull, value=value)


def spi(baudrate, phase=1):
    """The bus to the front end: SPI mode 1 (CPOL 0, CPHA 1) unless told otherwise."""
    return machine.SPI(
        1,
        baudrate=baudrate,
        polarity=0,
        phase=phase,
        sck=machine.Pin(PINS["SCK"]),
        mosi=machine.Pin(PINS["MOSI"]),
        miso=machine.Pin(PINS["MISO"]),
    )


_adc = machine.ADC(machine.Pin(PINS["BATTERY"]), atten=machine.ADC.ATTN_11DB)


def battery_millivolts():
    """The cell's voltage in mV, one conversion, corrected by the chip's own calibration."""
    return _adc.read_uv() * BATTERY_DIVIDER // 1000


_charger = machine.Pin(PINS["CHARGER"], machine.Pin.IN)


def charger_present():
    """Whether a charger feeds the cell: its 5 V, divided, holds the pin high."""
    return bool(_charger.value())


# The sensor is inside the microcontroller, which its work and the radio warm; with its tolerance.
TEMPERATURE_ABOVE_CASE_C = 12


def temperature_c():
    """Degrees Celsius by the chip's own sensor."""
    return int(esp32.mcu_temperature())


def journal_device():
    """Where the journal lives: a folder of the board's file system."""
    return "/journal"


def flash_device():
    """The block device under the file system: the journal writes its own blocks' pages raw."""
    from esp32 import Partition

    return Partition.find(Partition.TYPE_DATA, label="vfs")[0]
