"""ADS1293: three channels without programmable gain, with registers and frames of its own.

    afe = PoweredOff1293(board).power_up()
    afe.configure(rate=200, channels=2)     # lead I and lead II
    sampler = Sampler1293(afe, board)       # monitor.sampler_1293

Codes are offset binary: `volts = (code / ADCMAX - 1/2) * 2 * 2.4 V / 3.5` (SNAS602), so they are
centred by ADCMAX/2, never sign-extended. ADCMAX depends on the decimation: the sheet's tables 8
to 11 list five values, which all are (R2 x R3)^5 brought by a power of two into 2^23 .. 2^24 - 1
(800000h, F30000h, C35000h, B964F0h, E6A900h); `adc_max` computes it.
Frames are read by the loop address 50h: reading the data registers by auto-increment has given
noise on channels 2 and 3. SPI mode 0; CS frames each command; a write counts on its 16th clock.
"""

import time

from machine import Pin
from monitor.afe import errors
from monitor.afe.cache import Cache
from monitor.afe.layout import Register

BAUDRATE = 4_000_000  # SCLK up to 20 MHz
READ = 0x80
LOOP = 0x50
CLOCK = 102400  # samples/s of the modulators, crystal of 4.096 MHz
_R1 = {4: 0, 2: 1}
_R2 = {4: 1, 5: 2, 6: 4, 8: 8}
_R3 = {4: 1, 6: 2, 8: 4, 12: 8, 16: 16, 32: 32, 64: 64, 128: 128}
_POWER_UP_MS = 100  # crystal and reference

# Inputs by electrode: RA on 1, LA on 2, LL on 3, RL (driven) on 4, V1 on 5; lead I = 2 - 1,
# lead II = 3 - 1, V1 = 5 - Wilson's terminal on 6 (SNAS602 9.2: the three- and five-lead circuits).
_LEADS = ((2, 1), (3, 1), (5, 6))


def adc_max(r2, r3):
    """Full scale of the decimation filters, as the sheet's tables 8 to 11 list it."""
    value = (r2 * r3) ** 5
    while value < 1 << 23:
        value <<= 1
    while value >= 1 << 24:
        value >>= 1
    return value


def rates():
    """{samples/s: (R1, R2, R3)} for the whole-numbered rates; of each the one with the least R2."""
    found = {}
    for r1 in sorted(_R1):
        for r2 in sorted(_R2, reverse=True):
            for r3 in _R3:
                if CLOCK % (r1 * r2 * r3) == 0:
                    found[CLOCK // (r1 * r2 * r3)] = (r1, r2, r3)
    return found


def _registers():
    flex = "TST[2] POS[3] NEG[3]"
    layouts = {
        0x00: ("CONFIG", 0x02, "0 0 0 0 0 PWR_DOWN STANDBY START_CON"),
        0x01: ("FLEX_CH1_CN", 0, flex),
        0x02: ("FLEX_CH2_CN", 0, flex),
        0x03: ("FLEX_CH3_CN", 0, flex),
        0x04: ("FLEX_PACE_CN", 0, flex),
        0x05: ("FLEX_VBAT_CN", 0, "0 0 0 0 0 VBAT_CH3 VBAT_CH2 VBAT_CH1"),
        0x06: ("LOD_CN", 0x08, "0 0 0 ACAD_LOD SHDN_LOD SELAC_LOD ACLVL_LOD[2]"),
        0x07: ("LOD_EN", 0, "0 0 EN_LOD[6]"),
        0x08: ("LOD_CURRENT", 0, "CUR_LOD[8]"),
        0x09: ("LOD_AC_CN", 0, "ACDIV_FACTOR ACDIV_LOD[7]"),
        0x0A: ("CMDET_EN", 0, "0 0 CMDET_IN[6]"),
        0x0B: ("CMDET_CN", 0, "0 0 0 0 0 CMDET_BW CMDET_CAPDRIVE[2]"),
        0x0C: ("RLD_CN", 0, "0 RLD_BW RLD_CAPDRIVE[2] SHDN_RLD SELRLD[3]"),
        0x0D: ("WILSON_EN1", 0, "0 0 0 0 0 SELWILSON1[3]"),
        0x0E: ("WILSON_EN2", 0, "0 0 0 0 0 SELWILSON2[3]"),
        0x0F: ("WILSON_EN3", 0, "0 0 0 0 0 SELWILSON3[3]"),
        0x10: ("WILSON_CN", 0, "0 0 0 0 0 0 GOLDINT WILSONINT"),
        0x11: ("REF_CN", 0, "0 0 0 0 0 0 SHDN_CMREF SHDN_REF"),
        0x12: ("OSC_CN", 0, "0 0 0 0 0 STRTCLK SHDN_OSC EN_CLKOUT"),
        0x13: ("AFE_RES", 0, "0 0 FS_HIGH[3] EN_HIRES[3]"),
        0x14: ("AFE_SHDN_CN", 0, "0 0 SHDN_SDM[3] SHDN_INA[3]"),
        0x15: ("AFE_FAULT_CN", 0, "0 0 0 0 0 SHDN_FAULTDET[3]"),
        0x17: ("AFE_PACE_CN", 0x01, "0 0 0 0 0 PACE2RLDIN PACE2WCT SHDN_PACE"),
        0x18: ("ERROR_LOD", 0, "0 0 ~OUT_LOD[6]"),
        0x19: ("ERROR_STATUS", 0, "~ERRORS[8]"),
        0x1F: ("DIGO_STRENGTH", 0x03, "0 0 0 0 0 0 DIGO[2]"),
        0x21: ("R2_RATE", 0x08, "0 0 0 0 R2[4]"),
        0x22: ("R3_RATE_CH1", 0x80, "R3[8]"),
        0x23: ("R3_RATE_CH2", 0x80, "R3[8]"),
        0x24: ("R3_RATE_CH3", 0x80, "R3[8]"),
        0x25: ("R1_RATE", 0, "0 0 0 0 0 R1[3]"),
        0x26: ("DIS_EFILTER", 0, "0 0 0 0 0 DIS_E[3]"),
        0x27: ("DRDYB_SRC", 0, "0 0 SRC[6]"),
        0x2A: ("MASK_ERR", 0, "MASK[8]"),
        0x2F: ("CH_CNFG", 0, "0 E3_EN E2_EN E1_EN P3_EN P2_EN P1_EN STS_EN"),
        0x40: ("REVID", 0x01, "!REVID[8]"),
    }
    return [Register(a, n, reset, layout) for a, (n, reset, layout) in sorted(layouts.items())]


class Part1293:
    """What driver, sampler and signal state ask of a part; see `parts.Part`."""

    name = "ADS1293"
    family = "1293"
    bits = 24
    channels = 3
    id = 0x01
    tclk_ns = 244  # 4.096 MHz
    respiration = False
    gains = {3.5: 0}  # the instrumentation amplifier's, fixed
    default_vref = 2.4
    status_bytes = 2  # what comes back during the command byte, and DATA_STATUS
    sample_bytes = 3

    def __init__(self):
        self.rates = rates()
        self.registers = _registers()
        self._by_name = {r.name: r for r in self.registers}
        self.use(3)

    def use(self, channels):
        """The frame for so many channels: command, status, three bytes each."""
        self.slots = channels
        self.channels = channels
        self.frame_bytes = 2 + 3 * channels
        # DATA_STATUS has a bit for each channel that is ready, E1 = bit 5: all must be.
        self.sync_mask = self.sync = ((1 << channels) - 1) << 13

    def __getitem__(self, name):
        return self._by_name[name]

    def __contains__(self, name):
        return name in self._by_name


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

    def power_up(self):
        """-> `Ads1293`. AfeError when nothing, or something else, answers."""
        afe = Ads1293(self.board)
        try:
            for _ in range(2):  # a wrong ID is worth one retry with a pin reset
                afe.reset()
                identity = afe.read(0x40)
                if identity == afe.part.id:
                    return afe
            if identity in (0x00, 0xFF):
                raise errors.absent(identity)
            raise errors.wrong_id(identity)
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
        self.vref = 2.4
        self.running = False
        self.calibration = None
        self.adc_max = adc_max(4, 4)
        self._settings = None
        self._tx = bytearray(2)
        self._rx = bytearray(2)

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

    def configure(self, rate=200, channels=2, rld=True, lead_off_amperes=None):
        """Lead I, lead II and V1 on channels 1 to 3; ValueError lists what there is.

        `lead_off_amperes`: None, or a direct current up to 2.04 uA in steps of 8 nA.
        """
        if self.running:
            raise errors.AfeError(errors.BUSY, "can't configure while it is running: stop() first")
        part = self.part
        if rate not in part.rates:
            raise ValueError(
                "rate must be one of %s samples/s on an ADS1293, not %r"
                % (", ".join(str(r) for r in sorted(part.rates)), rate)
            )
        if channels not in (1, 2, 3):
            raise ValueError("channels must be 1, 2 or 3 on an ADS1293, not %r" % (channels,))
        r1, r2, r3 = part.rates[rate]
        part.use(channels)
        cache = Cache1293(part)
        used = (1 << channels) - 1
        cache.set("CONFIG", "STANDBY", 0)
        for n, (positive, negative) in enumerate(_LEADS[:channels]):
            cache.set("FLEX_CH%d_CN" % (n + 1), "POS", positive)
            cache.set("FLEX_CH%d_CN" % (n + 1), "NEG", negative)
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
            cache.set("LOD_EN", "EN_LOD", 0b000111 if channels < 3 else 0b010111)
            cache.set("LOD_CURRENT", "CUR_LOD", steps)
        cache.set("OSC_CN", "STRTCLK", 1)
        cache.set("AFE_SHDN_CN", "SHDN_SDM", ~used & 7)
        cache.set("AFE_SHDN_CN", "SHDN_INA", ~used & 7)
        cache.set("R2_RATE", "R2", _R2[r2])
        for n in (1, 2, 3):
            cache.set("R3_RATE_CH%d" % n, "R3", _R3[r3])
        cache.set("R1_RATE", "R1", 7 if _R1[r1] else 0)
        cache.set("DRDYB_SRC", "SRC", 8)  # channel 1's ECG
        cache.set("CH_CNFG", "STS_EN", 1)
        for n in range(channels):
            cache.set("CH_CNFG", "E%d_EN" % (n + 1), 1)
        self.cache = cache
        self.apply()
        self.rate = rate
        self.channels = channels
        self.gains = [3.5] * channels
        self.adc_max = adc_max(r2, r3)
        self._settings = (rate, channels, rld, lead_off_amperes)

    def apply(self):
        """Writes all registers, reads them back; AfeError names the first that differs."""
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
        wanted = self.cache.wanted
        for register in self.part.registers:
            mask = register.compared()
            if register.name == "CONFIG":
                mask &= 0xFE  # START_CON is set while it runs
            if mask and (self.read(register.address) ^ wanted[register.address]) & mask:
                return register
        return None

    audit_running = audit  # registers can be read between frames here

    def dump(self):
        return "\n".join(
            "%s 0x%02X %s" % (r.name, value, r.text(value))
            for r, value in ((r, self.read(r.address)) for r in self.part.registers)
        )

    def nv_per_code(self, channel=0):
        nominal = 2 * 2.4 / 3.5 / self.adc_max * 1e9
        if self.calibration is None:
            return nominal
        return self.calibration.nv_per_code(nominal, channel)

    def lead_off(self):
        """Inputs found off, bit 0 = input 1; they are in a register, not in the frames."""
        return self.read(0x18)

    def sensed_inputs(self):
        return 0

    def input_flags(self, word):
        return 0

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
        return 6000 // self.rate + 1

    def recover(self):
        self.running = False
        settings = self._settings
        self.reset()
        identity = self.read(0x40)
        if identity != self.part.id:
            self._safe()
            raise errors.absent(identity) if identity in (0, 255) else errors.wrong_id(identity)
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
