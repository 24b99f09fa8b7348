"""Battery, charger and temperature: what is left, and whether recording is allowed.

    power = Power(board)
    if power.step(time.ticks_ms()):          # something changed
        ... power.state, power.percent, power.hours_left

The battery is read every ten seconds, eight conversions averaged in the middle (the highest and
the lowest two left out: the radio's pulses pull them down). The percentage follows a lithium
polymer cell's resting voltages; the monitor draws a small part of the cell's capacity an
hour, so the voltage under load is close to them. While discharging it never rises: a cell
recovers some millivolts when the radio is silent, and no charge comes from that. For the same
reason an empty cell stays empty until it is charged or changed: it recovers as soon as nothing is
sampled, and recording would begin and end again and again. Whether a charger is plugged in is
looked at every second.
"""

import time

from micropython import const

# States, most urgent first; NORMAL is the only one in which nothing is shown.
CHARGING = const(0)  # on a charger: recording is not allowed, mains may be behind it
EMPTY = const(1)  # flush everything and stop
HOT = const(2)
COLD = const(3)
LOW = const(4)
NORMAL = const(5)

# Resting voltage (mV) and charge (%) of a single lithium polymer cell, from Ampow's voltage chart.
CURVE = (
    (3270, 0),
    (3610, 5),
    (3690, 10),
    (3730, 20),
    (3770, 30),
    (3800, 40),
    (3840, 50),
    (3870, 60),
    (3950, 70),
    (4020, 80),
    (4110, 90),
    (4200, 100),
)

LOW_PERCENT = const(15)
EMPTY_MV = const(3300)  # the regulator's drop-out lies some 100 mV lower: enough to end tidily
EMPTY_READINGS = const(3)
# Cells may be discharged from -20 to 60 degrees; skin contact limits the case to 43 (IEC 60601-1,
# table 24, applied parts in contact for more than ten minutes), where we warn.
HOT_C = const(43)
COLD_C = const(-10)
HYSTERESIS_C = const(2)

READ_EVERY_MS = const(10000)
LOOK_EVERY_MS = const(1000)  # for a charger, with mains power behind it
_CONVERSIONS = const(8)
_LEFT_OUT = const(2)
_LEAST_DROP = const(3)  # percent that must be gone before hours are told
_RISE_THAT_IS_A_CHARGE = const(150)  # mV: a fuller cell was put in


def percent_of(millivolts):
    """Charge (%, 0..100) at a resting voltage (mV), linear between the curve's points."""
    last_mv, last_percent = CURVE[0]
    if millivolts <= last_mv:
        return 0
    for mv, percent in CURVE:
        if millivolts < mv:
            return last_percent + (millivolts - last_mv) * (percent - last_percent) // (
                mv - last_mv
            )
        last_mv = mv
        last_percent = percent
    return 100


class Power:
    """Reads `board.battery_millivolts()`; `board.charger_present()` and `board.temperature_c()`
    too where the board has them, `board.TEMPERATURE_ABOVE_CASE_C` being the degrees by which a
    sensor inside the microcontroller may be warmer than the case. Without a battery input (None)
    the state is NORMAL and percent -1.
    """

    def __init__(self, board):
        self._read_battery = getattr(board, "battery_millivolts", None)
        self._read_charger = getattr(board, "charger_present", None)
        self._read_temperature = getattr(board, "temperature_c", None)
        self._hot = HOT_C + getattr(board, "TEMPERATURE_ABOVE_CASE_C", 0)
        self._readings = [0] * _CONVERSIONS
        self._next = self._looked = time.ticks_ms()
        self._minutes_at = self._next
        self.minutes = 0  # of discharge since `_from_percent` was read
        self._from_percent = -1
        self._below = 0
        self._fresh = False  # the last reading is that of another cell than the one before
        self.state = NORMAL
        self.millivolts = -1
        self.percent = -1
        self.temperature = None

    @property
    def hours_left(self):
        """Hours at the rate seen since the last charge, -1 while too little is gone to tell."""
        gone = self._from_percent - self.percent
        if self.percent < 0 or gone < _LEAST_DROP:
            return -1
        return self.percent * self.minutes // (gone * 60)

    def step(self, now):
        """Read when it is time; True when the state or the percentage changed."""
        while time.ticks_diff(now, self._minutes_at) >= 60000:
            self._minutes_at = time.ticks_add(self._minutes_at, 60000)
            self.minutes += 1
        if time.ticks_diff(now, self._next) < 0 and not self._plugged_in(now):
            return False
        self._next = time.ticks_add(now, READ_EVERY_MS)
        before = (self.state, self.percent)
        self._battery()
        self._judge()
        return before != (self.state, self.percent)

    def _plugged_in(self, now):
        """Whether a charger has come since the last reading; one that goes can wait for it."""
        if self.state == CHARGING or time.ticks_diff(now, self._looked) < LOOK_EVERY_MS:
            return False
        self._looked = now
        return self._on_charger()

    def _battery(self):
        if self._read_battery is None:
            return
        r = self._readings
        for i in range(_CONVERSIONS):
            r[i] = self._read_battery()
        r.sort()
        total = 0
        for i in range(_LEFT_OUT, _CONVERSIONS - _LEFT_OUT):
            total += r[i]
        mv = total // (_CONVERSIONS - 2 * _LEFT_OUT)
        charging = self._on_charger()
        fresh = self.millivolts < 0 or mv - self.millivolts > _RISE_THAT_IS_A_CHARGE
        self._fresh = fresh
        percent = percent_of(mv)
        if fresh or charging:
            self.percent = percent
            self._from_percent = percent
            self.minutes = 0
        elif percent < self.percent:
            self.percent = percent
        if fresh or charging or mv < self.millivolts:
            self.millivolts = mv
        self._below = self._below + 1 if mv < EMPTY_MV else 0

    def _on_charger(self):
        return self._read_charger is not None and bool(self._read_charger())

    def _judge(self):
        if self._read_temperature is not None:
            self.temperature = self._read_temperature()
        t = self.temperature
        slack = HYSTERESIS_C if self.state in (HOT, COLD) else 0
        if self._on_charger():
            self.state = CHARGING
        elif self._below >= EMPTY_READINGS or (self.state == EMPTY and not self._fresh):
            self.state = EMPTY
        elif t is not None and t >= self._hot - slack:
            self.state = HOT
        elif t is not None and t <= COLD_C + slack:
            self.state = COLD
        elif 0 <= self.percent <= LOW_PERCENT:
            self.state = LOW
        else:
            self.state = NORMAL
