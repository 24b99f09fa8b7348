"""Test firmware: notes each boot in a file, then obeys the file /order."""

import os
import time

import machine

names = {1: "power", 2: "hard", 3: "watchdog", 4: "deepsleep", 5: "soft"}
with open("/boots", "a") as f:
    f.write("%s %d %d\n" % (names[machine.reset_cause()], time.ticks_ms(), time.time()))
print("boot", names[machine.reset_cause()])
led = machine.Pin(15, machine.Pin.OUT)
button = machine.Pin(14, machine.Pin.IN)
presses = []
button.irq(lambda pin: presses.append(pin()), machine.Pin.IRQ_FALLING | machine.Pin.IRQ_RISING)
while True:
    machine.idle()
    while presses:
        level = presses.pop(0)
        print("button", level)
        if level == 0:
            for i in range(2):
                with open("/data%d" % i, "w") as f:
                    f.write(str(i) * 5000)
            print("written")
    if "order" in os.listdir("/"):
        with open("/order") as f:
            order = f.read().split()
        os.remove("/order")
        if order[0] == "clock":
            machine.RTC().datetime((2026, 11, 22, 6, 12, 0, 0, 0))
            print("clock set")
        elif order[0] == "hard":
            machine.reset()
        elif order[0] == "caught":
            try:
                machine.reset()
            except:  # noqa: E722  a board's reset can't be caught
                print("caught")
        elif order[0] == "soft":
            machine.soft_reset()
        elif order[0] == "deepsleep":
            machine.deepsleep(5000)
        elif order[0] == "watchdog":
            watchdog = machine.WDT(timeout=1000)
            for _ in range(10):
                time.sleep_ms(900)
                watchdog.feed()
            print("fed")
            while True:
                machine.idle()
        elif order[0] == "raise":
            raise RuntimeError("as told")
        elif order[0] == "return":
            break
        elif order[0] == "spin":
            while True:
                pass
