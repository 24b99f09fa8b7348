"""Raspberry Pi Pico W: pins and buses."""

import machine

NAME = "pico_w"
ROOT = "/"
HARD_IRQ = True
AFE = "ADS1292R"
AFE_BAUDRATE = 4_000_000

# rp2 runs Pin.irq(hard=True) in the interrupt; SPI0 on its second group of pins.
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
    "CARD_SCK": 10,
    "CARD_MOSI": 11,
    "CARD_MISO": 12,
    "CARD_CS": 9,
}
SPI_PINS = {"sck": PINS["SCK"], "mosi": PINS["MOSI"], "miso": PINS["MISO"]}

# The journal's part of the file system; it lends the room of a second image during an update.
# Functions' code runs from the image itself.
JOURNAL_KIB = 588
JOURNAL_RESERVE = 32768
SECOND_SLOT_LENT = True
CODE_RAM = (0x20000000, 0x20042000)
ECG_RAM = 4096  # ten seconds, for live ECG
STRIPS = False  # for want of RAM, of which a frozen build has enough (board.json)

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


_vbus = machine.Pin("WL_GPIO2", machine.Pin.IN)


def charger_present():
    """Whether USB feeds the board: the radio chip's third pin watches VBUS."""
    return bool(_vbus.value())


# The sensor is inside the microcontroller, which its work and the radio warm; with its tolerance.
TEMPERATURE_ABOVE_CASE_C = 8

_core = machine.ADC(machine.ADC.CORE_TEMP)


def temperature_c():
    """Degrees Celsius; the chip's diode has 706 mV at 27, 1.721 mV less a degree.

    RP2040 data sheet, 4.9.5.
    """
    return 27 - (_core.read_u16() * 3300 // 65535 - 706) * 1000 // 1721


def watchdog_bit():
    """Whether the watchdog's timer made this reset: `machine.reset()` looks like it otherwise.

    REASON, bit TIMER: RP2040 data sheet, 4.7.6.
    """
    return bool(machine.mem32[0x40058008] & 1)


def journal_device():
    """Where the journal lives: a folder of the board's file system."""
    return "/journal"


def flash_device():
    """The block device under the file system: the journal writes its own blocks' pages raw."""
    import rp2

    return rp2.Flash()


def ecg_device():
    """The memory card for whole ECG; None unless its driver is installed (mip: sdcard)."""
    try:
        import sdcard
    except ImportError:
        return None
    bus = machine.SPI(
        1,
        sck=machine.Pin(PINS["CARD_SCK"]),
        mosi=machine.Pin(PINS["CARD_MOSI"]),
        miso=machine.Pin(PINS["CARD_MISO"]),
    )
    return sdcard.SDCard(bus, machine.Pin(PINS["CARD_CS"]))
