"""What the light and the buzzer say, in one table: the panel plays it, the patient's page prints
it.

A pattern is told by the number and length of its flashes, never by colour. Rows stand in the
order of urgency: while several states hold, the first row that applies is shown. Durations are
milliseconds, on and off by turns; the light repeats its row for as long as the state lasts, the
buzzer sounds its row when the state begins and again every `again` seconds (0: not again).

This file is imported by MicroPython and by CPython, and holds nothing but data.
"""

FAULT = 0
STOPPED_CHARGING = 1
BATTERY_EMPTY = 2
TEMPERATURE = 3
LEAD_1 = 4
LEAD_2 = 5
LEAD_3 = 6
LEAD_4 = 7
BATTERY_LOW = 8
MEMORY_FULL = 9
RECORDING = 10
STATES = 11

# name, light, buzzer, again (s), what it means, what to do
TABLE = (
    (
        "fault",
        (100, 100),
        (600, 200, 600, 200, 600, 0),
        600,
        "The monitor has a fault and is not recording.",
        "Call the clinic.",
    ),
    (
        "charger",
        (4000, 500),
        (200, 0),
        0,
        "The charger is plugged in. Recording waits: never wear the monitor on mains power.",
        "Take the monitor off to charge it, then unplug it to go on.",
    ),
    (
        "battery empty",
        (1000, 300, 1000, 300, 1000, 3000),
        (600, 200, 600, 0),
        600,
        "The battery is empty. Everything recorded is safe.",
        "Charge the monitor (not while wearing it).",
    ),
    (
        "too hot or too cold",
        (1000, 300, 1000, 3000),
        (600, 200, 600, 0),
        600,
        "The monitor is too hot or too cold.",
        "Take it off and out of the sun or the cold; put it back on when the light has changed.",
    ),
    (
        "electrode 1 loose",
        (200, 200, 200, 1600),
        (150, 100, 150, 0),
        300,
        "Electrode 1 is loose.",
        "Press it on; replace it if that does not help.",
    ),
    (
        "electrode 2 loose",
        (200, 200, 200, 200, 200, 1600),
        (150, 100, 150, 0),
        300,
        "Electrode 2 is loose.",
        "Press it on; replace it if that does not help.",
    ),
    (
        "electrode 3 loose",
        (200, 200, 200, 200, 200, 200, 200, 1600),
        (150, 100, 150, 0),
        300,
        "Electrode 3 is loose.",
        "Press it on; replace it if that does not help.",
    ),
    (
        "electrode 4 loose",
        (200, 200, 200, 200, 200, 200, 200, 200, 200, 1600),
        (150, 100, 150, 0),
        300,
        "Electrode 4 is loose.",
        "Press it on; replace it if that does not help.",
    ),
    (
        "battery low",
        (1000, 3000),
        (300, 0),
        3600,
        "The battery is low.",
        "Charge the monitor within the next hours (not while wearing it).",
    ),
    (
        "memory nearly full",
        (1000, 300, 200, 3000),
        (300, 0),
        3600,
        "The memory is nearly full.",
        "Bring the monitor near the clinic's computer or telephone the clinic.",
    ),
    (
        "recording",
        (60, 4940),
        (),
        0,
        "The monitor is recording. All is well.",
        "Nothing needs to be done.",
    ),
)

# Answers to the button: name, light, buzzer, meaning. Played once, over whatever is shown. Those
# to a held button play while it is still held; what they say is done when it is let go.
PRESSED = 0
SOUND_OFF = 1
SOUND_ON = 2
STOP_ASKED = 3
STOPPED = 4
NOT_STOPPED = 5
# What is played over it for other reasons than the button.
IDENTIFY = 6
ALARM = 7
# Answers again: the heart rate for watches and apps.
OPENED = 8
CLOSED = 9

ANSWERS = (
    ("pressed", (1500, 200), (120, 0), "Your press was recorded."),
    ("sound off", (80, 80, 80, 80, 80, 200), (), "The sound is off."),
    ("sound on", (80, 80, 80, 80, 600, 200), (120, 100, 120, 0), "The sound is on again."),
    (
        "stop?",
        (120, 120) * 20,
        (80, 420) * 10,
        "Let go and press once more within five seconds to stop the recording.",
    ),
    ("stopped", (3000, 200), (900, 0), "The recording has stopped."),
    ("not stopped", (60, 200), (), "The recording goes on."),
    # As often as the seconds asked for need it.
    ("identify", (800, 100, 80, 100, 80, 340), (), "The clinic looks for this monitor."),
    (
        "alarm",
        (500, 250, 500, 250, 500, 500),
        (200, 150, 200, 150, 200, 0),
        "It has noted something in your heart's rhythm for the clinic.",
    ),
    (
        "heart rate open",
        (250, 250) * 5,
        (120, 100, 120, 100, 120, 0),
        "Watches and apps near you can read your heart rate now.",
    ),
    (
        "heart rate closed",
        (600, 200),
        (120, 0),
        "Watches and apps can't read your heart rate any more.",
    ),
)

# The button, in milliseconds.
DEBOUNCE = 30
HOLD_SOUND = 3000
HOLD_OPEN = 6000
HOLD_STOP = 9000
CONFIRM = 5000
