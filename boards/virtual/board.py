"""The virtual board: pins and buses. It goes into the image like any board's."""

import flash
import machine

NAME = "virtual"
HARD_IRQ = True  # Pin.irq(hard=True) handlers run in the interrupt itself, as on rp2

PINS = {
    "SCK": 18,
    "MOSI": 19,
    "MISO": 16,
    "CS": 17,
    "DRDY": 20,
    "RESET": 21,
    "START": 22,
    "BUTTON": 14,
    "LED": 15,
    "BUZZER": 13,
    "BATTERY": 26,
    "CHARGING": 12,  # the charger's status output: low while it charges
}

# The cell reaches the ADC through two equal resistors: it is read in halves.
BATTERY_DIVIDER = 2
ADC_REFERENCE_MV = 3300


def pin(name, *args, **kwargs):
    """The machine.Pin called `name`."""
    return machine.Pin(PINS[name], *args, **kwargs)


def spi(baudrate):
    """The bus to the front end: mode 1 (CPOL 0, CPHA 1), as the ADS1x9x asks."""
    return machine.SPI(
        0,
        baudrate=baudrate,
        polarity=0,
        phase=1,
        sck=pin("SCK"),
        mosi=pin("MOSI"),
        miso=pin("MISO"),
    )


def battery_millivolts():
    """The cell's voltage in mV, one reading; power.py averages."""
    return machine.ADC(pin("BATTERY")).read_u16() * ADC_REFERENCE_MV * BATTERY_DIVIDER // 65535


def journal_device():
    """Where the journal lives: a folder of the board's littlefs."""
    return "/journal"


def flash_device():
    """The block device under "/"."""
    return flash.Flash()
