"""ADS1293: three channels without programmable gain, with registers and frames of its own.

    afe = PoweredOff1293(board).power_up()
    afe.configure(rate=250, channels=3)     # leads I and II, and V1: five electrodes
    sampler = for_board(afe, board)         # monitor.samplers

The part itself has no rate of the detector's: it converts at eight fifths of them, and the
sampler resamples (`monitor.resample`). Its own rates, such as 400, come as they are converted.

Codes are offset binary: `volts = (code / ADCMAX - 1/2) * 2 * 2.4 V / 3.5` (SNAS602): they are
centred by ADCMAX/2, never sign-extended. ADCMAX depends on the decimation: `ads1293_map`.
Frames are read by the loop address 50h: reading the data registers by auto-increment has given
noise on channels 2 and 3. SPI mode 0; CS frames each command; a write counts on its 16th clock.
"""

import time

from machine import Pin
from monitor.afe import errors, leads
from monitor.afe.ads1293_map import R1, R2, R3, Part1293, adc_max
from monitor.afe.cache import Cache, difference

BAUDRATE = 4_000_000  # SCLK up to 20 MHz
READ = 0x80
LOOP = 0x50
_ASKED = "ADS1293, REVID in SPI mode 0"
_POWER_UP_MS = 100  # crystal and reference
_LAST = 0x2F  # the last register that is written
LEAD_OFF_AMPERES = 16e-9
# FLEX_CHn_CN.TST (SNAS602): 00 none, 01 and 10 the test signal either way, 11 zero.
_TEST = {"normal": 0, "test+": 1, "test-": 2, "shorted": 3}

# Samples/s that are resampled from eight fifths of them.
RESAMPLED = (125, 250, 500, 1000)
# Inputs by electrode: RA on 1, LA on 2, LL on 3, RL (driven) on 4, V1 on 5; lead I = 2 - 1,
# lead II = 3 - 1, V1 = 5 - Wilson's terminal on 6 (SNAS602 9.2).
_LEADS = ((2, 1), (3, 1), (5, 6))


class Cache1293(Cache):
    """Registers have holes between them here: `wanted` is by address up to 0x40."""

    def __init__(self, part):
        self.part = part
        self._bytes = bytearray(0x41)
        self.wanted = memoryview(self._bytes)
        for register in part.registers:
            self._bytes[register.address] = register.mend(register.reset)


class PoweredOff1293:
    def __init__(self, board):
        self.board = board

    def hold(self):
        """Stays in reset."""
        Ads1293(self.board)._safe()

    def power_up(self):
        """-> `Ads1293`. AfeError when nothing, or something else, answers."""
        afe = Ads1293(self.board)
        try:
            tried = ""
            for _ in range(2):  # a wrong ID is worth one retry with a pin reset
                afe.reset()
                identity = afe.read(0x40)
                if identity == afe.part.id:
                    return afe
                tried = errors.asked(tried, _ASKED, identity)
            raise errors.absent(tried) if identity in (0x00, 0xFF) else errors.wrong_id(tried)
        except BaseException:
            afe._safe()
            raise


class Ads1293:
    """The part with power; used like `driver.FrontEnd`."""

    def __init__(self, board):
        self.board = board
        self.part = Part1293()
        self.bus = self  # the sampler reads `bus.spi`, `bus.drdy`, `bus.cs`
        self.cs = board.pin("CS", Pin.OUT, value=1)
        self.drdy = board.pin("DRDY", Pin.IN)
        self.reset_pin = board.pin("RESET", Pin.OUT, value=1) if "RESET" in board.PINS else None
        self.spi = board.spi(getattr(board, "AFE_BAUDRATE", BAUDRATE), phase=0)
        self.cache = Cache1293(self.part)
        self.channels = 3
        self.rate = 0
        self.conversion_rate = 0
        self.vref = 2.4
        self.running = False
        self.calibration = None
        self.adc_max = adc_max(4, 4)
        self._settings = None
        self._tx = bytearray(2)
        self._rx = bytearray(2)
        # A read that runs through all registers that were written; START_CON is set while it runs.
        self._all_tx = bytearray(_LAST + 2)
        self._all_tx[0] = READ
        self._all_rx = bytearray(_LAST + 2)
        self._all_read = memoryview(self._all_rx)[1:]
        self._masks = bytearray(_LAST + 1)
        for register in self.part.registers:
            if register.address <= _LAST:
                self._masks[register.address] = register.compared()
        self._masks[0] &= 0xFE

    def reset(self):
        if self.reset_pin:
            self.reset_pin(0)
            time.sleep_us(100)
            self.reset_pin(1)
        time.sleep_ms(_POWER_UP_MS)

    def read(self, address):
        self._tx[0] = READ | address
        self._tx[1] = 0
        self._transfer()
        return self._rx[1]

    def write(self, address, value):
        self._tx[0] = address
        self._tx[1] = value
        self._transfer()

    def _transfer(self):
        self.cs(0)
        try:
            self.spi.write_readinto(self._tx, self._rx)
        finally:
            self.cs(1)

    def configure(
        self, rate=250, channels=3, inputs="normal", rld=True, lead_off_amperes=LEAD_OFF_AMPERES
    ):
        """Lead I, lead II and V1 on channels 1 to 3; ValueError lists what there is.

        `inputs`: "normal", "shorted", or "test+" and "test-" (VREF/12, 0.2 V, either way).
        `lead_off_amperes`: None, or a direct current up to 2.04 uA in steps of 8 nA.
        """
        if self.running:
            raise errors.AfeError(errors.BUSY, "can't configure while it is running: stop() first")
        part = self.part
        conversion_rate = rate * 8 // 5 if rate in RESAMPLED else rate
        if conversion_rate not in part.rates:
            raise ValueError(
                "rate must be one of %s samples/s on an ADS1293, not %r"
                % (", ".join(str(r) for r in sorted(list(part.rates) + list(RESAMPLED))), rate)
            )
        if channels not in (1, 2, 3):
            raise ValueError("channels must be 1, 2 or 3 on an ADS1293, not %r" % (channels,))
        if inputs not in _TEST:
            raise ValueError(
                "inputs must be one of %s on an ADS1293, not %r" % (", ".join(_TEST), inputs)
            )
        r1, r2, r3 = part.rates[conversion_rate]
        part.use(channels)
        cache = Cache1293(part)
        used = (1 << channels) - 1
        cache.set("CONFIG", "STANDBY", 0)
        for n, (positive, negative) in enumerate(_LEADS[:channels]):
            name = "FLEX_CH%d_CN" % (n + 1)
            if inputs == "normal":
                cache.set(name, "POS", positive)
                cache.set(name, "NEG", negative)
            else:
                cache.set(name, "TST", _TEST[inputs])
        cache.set("CMDET_EN", "CMDET_IN", 0b000111)  # common mode of RA, LA, LL
        cache.set("RLD_CN", "SELRLD", 4 if rld else 0)
        cache.set("RLD_CN", "SHDN_RLD", 0 if rld else 1)
        if channels == 3:
            for n in (1, 2, 3):
                cache.set("WILSON_EN%d" % n, "SELWILSON%d" % n, n)
            cache.set("WILSON_CN", "WILSONINT", 1)
        if lead_off_amperes is not None:
            steps = round(lead_off_amperes / 8e-9)
            if not 1 <= steps <= 255:
                raise ValueError(
                    "lead_off_amperes must be within 8e-9..2.04e-6 (steps of 8e-9), not %r"
                    % (lead_off_amperes,)
                )
            cache.set("LOD_CN", "SHDN_LOD", 0)
            cache.set("LOD_EN", "EN_LOD", (0b000011, 0b000111, 0b010111)[channels - 1])
            cache.set("LOD_CURRENT", "CUR_LOD", steps)
        cache.set("OSC_CN", "STRTCLK", 1)
        cache.set("AFE_SHDN_CN", "SHDN_SDM", ~used & 7)
        cache.set("AFE_SHDN_CN", "SHDN_INA", ~used & 7)
        cache.set("R2_RATE", "R2", R2[r2])
        for n in (1, 2, 3):
            cache.set("R3_RATE_CH%d" % n, "R3", R3[r3])
        cache.set("R1_RATE", "R1", 7 if R1[r1] else 0)
        cache.set("DRDYB_SRC", "SRC", 8)  # channel 1's ECG
        cache.set("CH_CNFG", "STS_EN", 1)
        for n in range(channels):
            cache.set("CH_CNFG", "E%d_EN" % (n + 1), 1)
        self.cache = cache
        self.apply()
        self.rate = rate
        self.conversion_rate = conversion_rate
        self.channels = channels
        self.adc_max = adc_max(r2, r3)
        self._settings = True

    def apply(self):
        """Writes all registers, reads them back; AfeError names the last that differs."""
        try:
            for register in self.part.registers:
                if register.compared():
                    self.write(register.address, self.cache.wanted[register.address])
            wrong = self.audit()
            if wrong is not None:
                address = wrong.address
                raise errors.mismatch(wrong, self.cache.wanted[address], self.read(address))
        except BaseException:
            self._safe()
            raise

    def audit(self):
        """The last register that is not as it was written, or None: all in one read, 100 us.

        A register that one of three reads finds right is right, as with the ADS1x9x.
        """
        wrong = _LAST
        for _ in range(3):
            self._read_all()
            wrong = difference(wrong, self._all_read, self.cache.wanted, self._masks)
            if wrong < 0:
                return None
        return self._register(wrong)

    # (While frames come, nothing here may allocate: see `bus`. So the frames are small.)

    def _read_all(self):
        self.cs(0)
        try:
            self.spi.write_readinto(self._all_tx, self._all_rx)
        finally:
            self.cs(1)

    def _register(self, address):
        for register in self.part.registers:
            if register.address == address:
                return register

    audit_running = audit  # registers can be read between frames here

    def dump(self):
        return "\n".join(
            "%s 0x%02X %s" % (r.name, value, r.text(value))
            for r, value in ((r, self.read(r.address)) for r in self.part.registers)
        )

    def nominal_nv(self, channel=0):
        return 2 * 2.4 / 3.5 / self.adc_max * 1e9

    def nv_per_code(self, channel=0):
        nominal = self.nominal_nv(channel)
        if self.calibration is None:
            return nominal
        return self.calibration.nv_per_code(nominal, channel)

    @property
    def full_scale(self):
        """Largest code either way, once centred."""
        return self.adc_max // 2

    def lead_off(self):
        """Inputs found off, bit 0 = input 1; they are in a register, not in the frames."""
        return self.read(0x18)

    def sensed_inputs(self):
        """The inputs whose lead-off flags mean something: bits as in `leads`."""
        return self.input_flags(self.cache.get("LOD_EN", "EN_LOD") << 16)

    def input_flags(self, word):
        """Of a status word as the sampler makes it, bits 16 to 21 = inputs 1 to 6."""
        found = 0
        if word & 0x10000:
            found |= leads.n(0) | leads.n(1)  # RA
        if word & 0x20000:
            found |= leads.p(0)  # LA
        if word & 0x40000:
            found |= leads.p(1)  # LL
        if word & 0x100000:
            found |= leads.p(2)  # V1
        return found & ((1 << self.channels) - 1) * 0x101

    def start(self):
        if not self.rate:
            raise RuntimeError("configure() comes before start()")
        self.running = True
        self.write(0x00, self.cache.wanted[0] | 1)

    def stop(self):
        if self.running:
            self.running = False
            self.write(0x00, self.cache.wanted[0] & 0xFE)

    def settling_ms(self):
        """The sinc filters of fifth order settle in six periods."""
        return 6000 // self.conversion_rate + 1

    def recover(self):
        self.running = False
        settings = self._settings
        self.reset()
        identity = self.read(0x40)
        if identity != self.part.id:
            self._safe()
            tried = errors.asked("", _ASKED, identity)
            raise errors.absent(tried) if identity in (0, 255) else errors.wrong_id(tried)
        if settings:
            self.apply()

    def shut_down(self):
        try:
            self.stop()
            self.write(0x00, 0x04)  # PWR_DOWN
        finally:
            self._safe()
        return PoweredOff1293(self.board)

    def _safe(self):
        self.running = False
        self.cs(1)
        if self.reset_pin:
            self.reset_pin(0)
