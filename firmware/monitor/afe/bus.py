"""The wires to a front end: pins, opcodes and register access with every wait named.

    bus = Bus(board)
    bus.reset()
    bus.command(SDATAC)
    bus.read(0x00, 1)      # -> bytearray view, reused by the next call

Register access runs at 400 kHz: a byte then takes 20 us, longer than tSDECODE (4 tCLK = 7.8 us of
the slowest clock), so multi-byte commands need no gaps; audits run at what the part's own clock
allows. Samples are read at the board's full rate.

While frames stream in, register access must not allocate: a collection of garbage takes an RP2040
10 ms, and the sampler's interrupt is held off meanwhile. Calls allocate, too: MicroPython puts the
frame of a function on the heap when it has more than 11 words (py/objfun.c, VM_MAX_STATE_ON_STACK;
a `try` takes three, each argument by keyword two).
"""

import time

from machine import Pin
from micropython import const

WAKEUP = const(0x02)
STANDBY = const(0x04)
RESET = const(0x06)
START = const(0x08)
STOP = const(0x0A)
RDATAC = const(0x10)
SDATAC = const(0x11)
RDATA = const(0x12)
RREG = const(0x20)
WREG = const(0x40)

REGISTER_BAUDRATE = const(400_000)
_SAMPLE_BAUDRATE = const(4_000_000)

# Until the ID is read the part is unknown: waits for the slowest one (512 kHz clock, 5 % slow;
# ADS1298's 2^18 tCLK of 2.048 MHz, 128 ms, is the longest power-up).
_POWER_UP_MS = const(140)
_RESET_LOW_US = const(20)  # above 1 tMOD = 7.8 us, far below the 4 ms that power the part down
_RESET_WAIT_US = const(120)  # 9 tMOD = 70 us, 18 tCLK of any clock
_COMMAND_WAIT_US = const(10)  # tSDECODE, 4 tCLK
_CS_AFTER_US = const(8)  # last SCLK to CS high, 3 or 4 tCLK
_CS_HIGH_US = const(5)  # tCSH, 2 tCLK


class Bus:
    """SPI and pins of one front end. Leaves CS high except while streaming."""

    def __init__(self, board):
        self.board = board
        self.cs = board.pin("CS", Pin.OUT, value=1)
        self.drdy = board.pin("DRDY", Pin.IN)
        self.reset_pin = board.pin("RESET", Pin.OUT, value=1) if "RESET" in board.PINS else None
        self.start_pin = board.pin("START", Pin.OUT, value=0) if "START" in board.PINS else None
        self.pwdn_pin = board.pin("PWDN", Pin.OUT, value=1) if "PWDN" in board.PINS else None
        self.sample_baudrate = getattr(board, "AFE_BAUDRATE", _SAMPLE_BAUDRATE)
        self.spi = board.spi(REGISTER_BAUDRATE)
        self._one = bytearray(1)
        # Command, count and up to 26 registers; both ways, because SPI is full duplex.
        self._tx = bytearray(28)
        self._rx = bytearray(28)
        self._tx_view = memoryview(self._tx)
        self._rx_view = memoryview(self._rx)
        self._size = 0  # of the views that follow: audits ask for the same again and again
        self._asked = -1  # what `_tx` asks for: the same once more needs no filling
        self.streaming = False

    def reset(self):
        """Pulses the RESET pin (the opcode is known to fail); the opcode where there is none."""
        self.select(False)
        if self.start_pin:
            self.start_pin(0)
        if self.reset_pin:
            self.reset_pin(0)
            time.sleep_us(_RESET_LOW_US)
            self.reset_pin(1)
        else:
            self.command(RESET)
        time.sleep_us(_RESET_WAIT_US)

    def power_up(self):
        """Supplies are there: out of power-down, and the wait that the slowest part asks for."""
        self.cs(1)
        if self.start_pin:
            self.start_pin(0)
        if self.pwdn_pin:
            self.pwdn_pin(1)
        if self.reset_pin:
            self.reset_pin(1)
        time.sleep_ms(_POWER_UP_MS)

    def power_down(self):
        """Safe whatever happened before: no conversions, CS high, the part held in power-down."""
        self.streaming = False
        if self.start_pin:
            self.start_pin(0)
        self.cs(1)
        if self.pwdn_pin:
            self.pwdn_pin(0)
        if self.reset_pin:
            self.reset_pin(0)

    def select(self, on):
        if on:
            self.cs(0)
        else:
            time.sleep_us(_CS_AFTER_US)
            self.cs(1)
            time.sleep_us(_CS_HIGH_US)

    def command(self, opcode):
        """One opcode, CS low around it unless streaming holds it low already."""
        self._one[0] = opcode
        if self.streaming:
            self.spi.write(self._one)
            time.sleep_us(_COMMAND_WAIT_US)
            return
        self.cs(0)
        try:
            self.spi.write(self._one)
            time.sleep_us(_COMMAND_WAIT_US)
        finally:
            self.select(False)

    def read(self, address, count):
        """`count` registers from `address`: a view, overwritten by the next. Needs SDATAC."""
        asked = address << 8 | count
        if self._asked != asked:
            self._asked = asked
            tx = self._tx
            tx[0] = RREG | address
            tx[1] = count - 1
            for i in range(2, count + 2):
                tx[i] = 0
        self._transfer(count + 2)
        return self._read

    def write(self, address, values):
        """Registers from `address` on in one command. Needs SDATAC."""
        tx = self._tx
        count = len(values)
        self._asked = -1
        tx[0] = WREG | address
        tx[1] = count - 1
        for i in range(count):
            tx[i + 2] = values[i]
        self._transfer(count + 2)

    def read_data(self, count):
        """RDATA and a frame of `count` bytes: a view that the next access overwrites."""
        self._asked = -1
        self._tx[0] = RDATA
        for i in range(1, count + 1):
            self._tx[i] = 0
        self._transfer(count + 1)
        return self._rx_view[1 : count + 1]

    def _transfer(self, count):
        self.prepare(count)
        if self.streaming:
            self._exchange()
            time.sleep_us(_COMMAND_WAIT_US)
            return
        self.cs(0)
        try:
            self._exchange()
        finally:
            self.select(False)

    def _exchange(self):
        self.spi.write_readinto(self._out, self._in)

    def prepare(self, count):
        """Makes the views for transfers of `count` bytes, so that none has to make them."""
        if count != self._size:
            self._size = count
            self._out = self._tx_view[:count]
            self._in = self._rx_view[:count]
            self._read = self._rx_view[2:count]

    def fast(self):
        """The SPI peripheral and its pins, set up for samples."""
        self.spi = self.board.spi(self.sample_baudrate)

    def slow(self):
        """The SPI peripheral and its pins, set up for register access."""
        self.spi = self.board.spi(REGISTER_BAUDRATE)

    def clock(self, baudrate):
        """Only another clock, between two frames: a third of the time, and nothing allocated."""
        self.spi.init(baudrate=baudrate)
