"""The microcontroller's peripherals behind `machine`: SPI, ADC, timers, watchdog, RTC, PWM."""

import time as _time

import nets as _nets
import sim as _sim

# A call of an SPI method costs this on rp2 before the first clock edge, and again after the last.
SPI_CALL_US = 4
# attached by the boot program: bus id -> list of (net of the chip select, device)
_devices = {}
_temperature = 25.0  # degrees Celsius of the microcontroller


def attach_spi(bus, chip_select, device):
    """Put a device on SPI bus number `bus`; it hears what is sent while `chip_select` is low."""
    _devices.setdefault(bus, []).append((chip_select, device))

    def selected(level):
        if level:
            device.deselect(_sim.kernel.now)
        else:
            device.select(_sim.kernel.now)

    chip_select.watchers.append(selected)


def set_temperature(celsius):
    """What ADC.CORE_TEMP measures."""
    global _temperature
    _temperature = celsius


class SPI:
    """A bus: whole buffers in simulated time; the devices see every byte's time and the mode."""

    MSB = 1
    LSB = 0

    def __init__(
        self,
        id,
        baudrate=1000000,
        *,
        polarity=0,
        phase=0,
        bits=8,
        firstbit=MSB,
        sck=None,
        mosi=None,
        miso=None,
    ):
        if id not in (0, 1):
            raise ValueError("SPI(%s) doesn't exist" % id)
        self._id = id
        self._bus = _devices.setdefault(id, [])
        self._polarity = self._phase = 0
        self.init(baudrate, polarity=polarity, phase=phase, bits=bits, firstbit=firstbit)

    def init(
        self,
        baudrate=None,
        *,
        polarity=None,
        phase=None,
        bits=8,
        firstbit=MSB,
        sck=None,
        mosi=None,
        miso=None,
    ):
        if bits != 8 or firstbit != SPI.MSB:
            raise ValueError("only 8 bits, MSB first")
        if baudrate is not None:
            if baudrate <= 0:
                raise ValueError("baudrate must be positive")
            self._baudrate = baudrate
        if polarity is not None:
            self._polarity = polarity
        if phase is not None:
            self._phase = phase
        self._mode = self._polarity << 1 | self._phase

    def deinit(self):
        pass

    def _exchange(self, tx, rx, count):
        n = _sim.enter() if _sim.locked else 0
        _sim.spend(SPI_CALL_US)
        device = None
        for chip_select, candidate in self._bus:
            if chip_select.level == 0:
                if device is not None:
                    _nets.complain("SPI(%d): two devices are selected at once" % self._id)
                device = candidate
        if device is None:
            _nets.complain(
                "SPI(%d): %d bytes were sent with no device selected" % (self._id, count)
            )
            if rx is not None:
                for i in range(count):
                    rx[i] = 0xFF
        else:
            device.exchange(tx, rx, _sim.kernel.now, self._baudrate, self._mode)
        _sim.spend((count * 8000000 + self._baudrate - 1) // self._baudrate + SPI_CALL_US)
        if n:
            _sim.leave(n)

    def write(self, buf):
        self._exchange(buf, None, len(buf))

    def readinto(self, buf, write=0):
        n = len(buf)
        for i in range(n):
            buf[i] = write
        self._exchange(buf, buf, n)

    def read(self, nbytes, write=0):
        buf = bytearray(nbytes)
        self.readinto(buf, write)
        return bytes(buf)

    def write_readinto(self, write_buf, read_buf):
        if len(write_buf) != len(read_buf):
            raise ValueError("buffers must be the same length")
        self._exchange(write_buf, read_buf, len(write_buf))


class ADC:
    """12 bits over 3.3 V, scaled to 16 as on rp2."""

    CORE_TEMP = 4

    def __init__(self, id, *args, **kw):
        if isinstance(id, int) and 0 <= id <= ADC.CORE_TEMP:
            self._net = None if id == ADC.CORE_TEMP else _nets.net(26 + id)
        else:
            number = id if isinstance(id, int) else id._id
            if not 26 <= number <= 29:
                raise ValueError("Pin(%d) doesn't have ADC capabilities" % number)
            self._net = _nets.net(number)

    def _millivolts(self):
        if self._net is not None:
            return self._net.millivolts
        return int(706 - (_temperature - 27) * 1.721)  # RP2040 data sheet, 4.9.5

    def read_u16(self):
        _sim.advance(2)
        code = min(4095, max(0, self._millivolts() * 4096 // 3300))
        return code << 4 | code >> 8

    def read_uv(self):
        _sim.advance(2)
        return self._millivolts() * 1000


class PWM:
    """Keeps what it is told; its pin's net is high while it sounds, without the pulses."""

    _all = {}

    def __new__(cls, dest, *args, **kw):
        pwm = PWM._all.get(dest)
        if pwm is None:
            pwm = object.__new__(cls)
            PWM._all[dest] = pwm
            pwm._freq = 0
            pwm._duty = 0
            pwm._pin = dest
        return pwm

    def __init__(self, dest, *, freq=None, duty_u16=None, duty_ns=None, invert=False):
        self.init(freq=freq, duty_u16=duty_u16, duty_ns=duty_ns)

    def init(self, *, freq=None, duty_u16=None, duty_ns=None, invert=False):
        if freq is not None:
            self.freq(freq)
        if duty_u16 is not None:
            self.duty_u16(duty_u16)
        if duty_ns is not None:
            self.duty_ns(duty_ns)

    def freq(self, *hz):
        if not hz:
            return self._freq
        if not 8 <= hz[0] <= 62500000:
            raise ValueError("freq too small" if hz[0] < 8 else "freq too large")
        self._freq = hz[0]
        return None

    def duty_u16(self, *duty):
        if not duty:
            return self._duty
        self._duty = min(65535, max(0, duty[0]))
        self._sound()
        return None

    def duty_ns(self, *ns):
        if not ns:
            return self._duty * 1000000000 // (65536 * self._freq) if self._freq else 0
        self._duty = min(65535, ns[0] * self._freq * 65536 // 1000000000)
        self._sound()
        return None

    def _sound(self):
        self._pin.value(1 if self._duty else 0)

    def deinit(self):
        self._duty = 0
        self._sound()

    def running(self):
        """Frequency in Hz while it sounds, else 0."""
        return self._freq if self._duty else 0


class Timer:
    """A soft timer, periodic or once."""

    ONE_SHOT = 0
    PERIODIC = 1

    def __init__(self, id=-1, **kw):
        if id != -1:
            raise ValueError("Timer doesn't exist")
        self._interrupt = _sim.Interrupt(self, "timer")
        self._event = None
        if kw:
            self.init(**kw)

    def init(self, *, mode=PERIODIC, period=-1, freq=-1, callback=None, hard=False):
        self.deinit()
        self._us = int(1000000 / freq) if freq != -1 else period * 1000
        if self._us <= 0:
            raise ValueError("invalid period")
        self._mode = mode
        self._interrupt.handler = callback
        self._interrupt.hard = hard
        self._event = _sim.after(self._us, self._due)

    def _due(self):
        if self._mode == Timer.PERIODIC:
            _sim.kernel.rearm(self._event, self._event.t + self._us)
        self._interrupt.fire()

    def deinit(self):
        _sim.cancel(self._event)
        self._event = None


class WDT:
    """The watchdog: can't be stopped, at most 8388 ms (rp2)."""

    _event = None
    _reset = None  # set by the boot program

    def __init__(self, id=0, timeout=5000):
        if id != 0:
            raise ValueError("WDT(%d) doesn't exist" % id)
        if timeout <= 0 or timeout > 8388:
            raise ValueError("timeout exceeds 8388")
        self._us = timeout * 1000
        if WDT._event is None:
            WDT._event = _sim.after(self._us, lambda: WDT._reset("watchdog"))
        self.feed()

    def feed(self):
        _sim.kernel.rearm(WDT._event, _sim.kernel.now + self._us)

    def timeout_ms(self, timeout):
        self._us = timeout * 1000
        self.feed()


class RTC:
    """The time of day: (year, month, day, weekday, hours, minutes, seconds, subseconds)."""

    def __init__(self, id=0):
        pass

    def datetime(self, *value):
        if value:
            y, m, d, _, hour, minute, second, _ = value[0]
            seconds = _time.mktime((y, m, d, hour, minute, second))
            _time.day_us = seconds * 1000000 - _sim.kernel.now
            return None
        t = _time.gmtime()
        return (t[0], t[1], t[2], t[6], t[3], t[4], t[5], 0)
