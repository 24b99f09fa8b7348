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
    "CHARGING": 12,
    "VBUS": 24,
}

# Two equal resistors in front of the ADC: the cell is read in halves.
BATTERY_DIVIDER = 2

# The journal's part of the file system; two images of 168 KiB and small files fill the rest.
JOURNAL_KIB = 384


def pin(name, mode, value=None, pull=None):
    """The machine.Pin called `name`, set up. KeyError for a name that the board doesn't have."""
    number = PINS[name]
    if value is None:
        return machine.Pin(number, mode, pull)
    return machine.Pin(number, mode, pull, value=value)


def spi(baudrate, phase=1):
    """The bus to the front end: SPI mode 1 (CPOL 0, CPHA 1) unless told otherwise."""
    return machine.SPI(
        0,
        baudrate=baudrate,
        polarity=0,
        phase=phase,
        sck=machine.Pin(PINS["SCK"]),
        mosi=machine.Pin(PINS["MOSI"]),
        miso=machine.Pin(PINS["MISO"]),
    )


_adc = machine.ADC(PINS["BATTERY"])


def battery_millivolts():
    """The cell's voltage in mV, one conversion against the 3.3 V supply."""
    return _adc.read_u16() * 3300 * BATTERY_DIVIDER // 65535


_vbus = machine.Pin(PINS["VBUS"], machine.Pin.IN)


def charger_present():
    """Whether USB feeds the board."""
    return bool(_vbus.value())


# The sensor is inside the microcontroller, which its work and the radio warm; with its tolerance.
TEMPERATURE_ABOVE_CASE_C = 8

_core = machine.ADC(machine.ADC.CORE_TEMP)


def temperature_c():
    """Degrees Celsius; the chip's diode has 706 mV at 27, 1.721 mV less a degree.

    RP2040 data sheet, 4.9.5.
    """
    return 27 - (_core.read_u16() * 3300 // 65535 - 706) * 1000 // 1721


def journal_device():
    """Where the journal lives: a folder of the board's file system."""
    return "/journal"


def flash_device():
    """The block device under the file system: the journal writes its own blocks' pages raw."""
    return flash.Flash()


def ecg_device():
    """The memory card that keeps whole ECG, None while none is fitted."""
    return flash.card()
