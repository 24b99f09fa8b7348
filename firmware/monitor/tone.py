"""The buzzer's sound: a piezo wants a tone, and the length of its pulses is the volume.

    tone = make(board, settings)      # None without a buzzer
    tone(1); tone(0)

The tone is 2.7 kHz, where such buzzers resonate. Half of the time on is the loudest; a pulse of a
share d of the period has a fundamental of sin(pi d) of that: 10 % is 10 dB less, 3 % is 20 dB.
"""

from machine import Pin

TONE_HZ = 2700
DUTY = (0, 1966, 6554, 32768)  # of 65536, by volume


class Tone:
    """`pwm`: a machine.PWM; `settings.volume` 1 to 3."""

    def __init__(self, pwm, settings):
        self._pwm = pwm
        self._settings = settings
        self._on = False

    def __call__(self, on):
        if bool(on) != self._on:
            self._on = bool(on)
            self._pwm.duty_u16(DUTY[self._settings.volume] if on else 0)


def make(board, settings):
    """The board's buzzer; one on a pin that makes no tone is switched on and off."""
    if "BUZZER" not in board.PINS:
        return None
    pin = board.pin("BUZZER", Pin.OUT, value=0)
    try:
        from machine import PWM

        return Tone(PWM(pin, freq=TONE_HZ, duty_u16=0), settings)
    except (ImportError, ValueError, OSError):
        return pin
