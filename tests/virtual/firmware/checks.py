"""Test firmware: checks `machine`, `time` and the interrupts from inside; prints ok or FAIL."""

import gc
import os
import time

import flash
import machine
import micropython
from machine import ADC, PWM, RTC, SPI, Pin, Timer

count = 0


def check(name, good, *details):
    print("ok" if good else "FAIL", name, *details)


def raises(error, fn, *args, **kw):
    try:
        fn(*args, **kw)
    except error:
        return True
    return False


def bump(_):
    global count
    count += 1


# -- time
t = time.ticks_us()
time.sleep_us(500)
check("sleep_us", 500 <= time.ticks_diff(time.ticks_us(), t) < 520)
t = time.ticks_ms()
time.sleep_ms(250)
check("sleep_ms", 250 <= time.ticks_diff(time.ticks_ms(), t) <= 251)
t = time.ticks_ms()
time.sleep(0.5)
check("sleep", 500 <= time.ticks_diff(time.ticks_ms(), t) <= 501)
check("ticks period", time.ticks_add(0, -1) == (1 << 30) - 1)
check("ticks_diff over the wrap", time.ticks_diff(5, (1 << 30) - 5) == 10)
check("ticks_add refuses half a period", raises(OverflowError, time.ticks_add, 0, 1 << 29))
t = time.ticks_us()
looks = 0
while time.ticks_diff(time.ticks_us(), t) < 1000:
    looks += 1
check("a loop that looks at the clock ends", 100 < looks <= 500, looks)
check("the day starts in 2021", time.gmtime()[:3] == (2021, 1, 1))
check("mktime", time.mktime(time.gmtime(1700000000)) == 1700000000)
RTC().datetime((2026, 11, 22, 6, 12, 30, 15, 0))
check("RTC", time.gmtime()[:6] == (2026, 11, 22, 12, 30, 15), RTC().datetime())

# -- pins
check("pins are singletons", Pin(5) is Pin(5))
check("no such pin", raises(ValueError, Pin, 99))
p = Pin(5, Pin.OUT, value=1)
check("output", p() == 1 and p.value() == 1)
p.toggle()
check("toggle", p() == 0)
q = Pin(6, Pin.IN, Pin.PULL_UP)
check("pull-up", q() == 1)
q.init(Pin.IN, Pin.PULL_DOWN)
check("pull-down", q() == 0)
od = Pin(7, Pin.OPEN_DRAIN, Pin.PULL_UP, value=1)
check("open drain released", od() == 1)
od.off()
check("open drain low", od() == 0)

# -- interrupts
p.off()
p.irq(bump, Pin.IRQ_RISING, hard=True)
p.on()
p.off()
p.on()
check("a hard interrupt is served at once, on its edge only", count == 2)
p.irq(None)
p.off()
p.on()
check("handler removed", count == 2)
p.irq(bump, Pin.IRQ_FALLING)
p.off()
check("a soft interrupt waits", count == 2)
machine.idle()
check("... until the main program idles", count == 3)

p.irq(bump, Pin.IRQ_FALLING, hard=True)
state = machine.disable_irq()
for _ in range(3):
    p.on()
    p.off()
check("disabled", count == 3)
machine.enable_irq(state)
check("edges that came meanwhile are one", count == 4)


order = bytearray(8)
at = 0


def interrupted(_):
    global at
    order[at] = 1
    at += 1
    if at < 4:
        p.on()
        p.off()  # the edge waits until this handler is done
    order[at] = 2
    at += 1


p.irq(interrupted, Pin.IRQ_FALLING, hard=True)
p.on()
p.off()
check(
    "a handler is not interrupted by its own source",
    bytes(order[:6]) == b"\x01\x02\x01\x02\x01\x02",
)


def allocates(_):
    return [1, 2, 3] * 10


p.irq(allocates, Pin.IRQ_FALLING, hard=True)
p.on()
p.off()
count = 0
p.irq(bump, Pin.IRQ_FALLING, hard=True)
p.on()
p.off()
check(
    "the heap is free again after a handler that allocated", count == 1 and len([0] * 100) == 100
)

# -- the scheduler
count = 0
for _ in range(8):
    micropython.schedule(bump, None)
check("8 may be scheduled", raises(RuntimeError, micropython.schedule, bump, None) and count == 0)
machine.idle()
check("... and run", count == 8)


def from_interrupt(_):
    micropython.schedule(bump_ref, None)


bump_ref = bump
p.irq(from_interrupt, Pin.IRQ_FALLING, hard=True)
p.on()
p.off()
check("scheduled by an interrupt, not yet run", count == 8)
time.ticks_ms()
check("... run at the next chance", count == 9)
p.irq(None)

# -- timers
count = 0
timer = Timer(period=10, callback=bump, hard=True)
time.sleep_ms(105)
timer.deinit()
check("periodic timer", count == 10, count)
count = 0
timer.init(mode=Timer.ONE_SHOT, period=10, callback=bump)
time.sleep_ms(50)
check("one-shot timer", count == 1)
count = 0
timer.init(freq=1000, callback=bump, hard=True)
time.sleep_us(10500)
check("timer while sleep_us", count == 10, count)
timer.deinit()

# -- interrupts blocked by the flash
count = 0
timer.init(period=4, callback=bump, hard=True)
t = time.ticks_us()
flash.Flash().ioctl(6, 200)
took = time.ticks_diff(time.ticks_us(), t)
check("an erase takes 45 ms, and interrupts wait", took >= 45000 and count == 1, took, count)
timer.deinit()

# -- analog
check("battery", abs(ADC(26).read_u16() * 3300 * 2 // 65535 - 3900) < 5, ADC(26).read_u16())
check("no such channel", raises(ValueError, ADC, Pin(5)))
volts = ADC(ADC.CORE_TEMP).read_u16() * 3.3 / 65535
check("temperature", abs(27 - (volts - 0.706) / 0.001721 - 33) < 1)
pwm = PWM(Pin(13), freq=2000, duty_u16=32768)
check("PWM", pwm.freq() == 2000 and pwm.duty_u16() == 32768)
check("PWM range", raises(ValueError, pwm.freq, 1))

# -- SPI with nothing on it
spi = SPI(1, baudrate=1000000)
t = time.ticks_us()
buffer = bytearray(100)
spi.readinto(buffer)
dt = time.ticks_diff(time.ticks_us(), t)
check("SPI takes the time of its bits", 800 <= dt <= 820, dt)
check("nobody answers", bytes(buffer) == b"\xff" * 100)
check("unequal buffers", raises(ValueError, spi.write_readinto, b"12", bytearray(3)))

# -- identity, memory, files
check("unique id", len(machine.unique_id()) == 8)
check("cause", machine.reset_cause() == machine.PWRON_RESET)
gc.collect()
with open("/file", "w") as f:
    f.write("kept")
check("the flash holds files", open("/file").read() == "kept")
check("the computer's files are out of sight", "etc" not in os.listdir("/"))
check("flash size", os.statvfs("/")[2] * os.statvfs("/")[0] == 848 * 1024)
print("done")
while True:
    machine.idle()
