"""Radio: advertises, takes a connection, notifies numbers. The host counts them."""

import struct
import time

import bluetooth

SERVICE = bluetooth.UUID("7e1df001-5c2b-4f8e-a3d4-68656172746c")
NUMBERS = bluetooth.UUID("7e1df002-5c2b-4f8e-a3d4-68656172746c")
NAME = b"heartlog-hil"
_CONNECTED, _GONE = 1, 2
connections = []
over = []  # the host has been here and left


def on_event(event, data):
    if event == _CONNECTED:
        connections.append(data[0])
    elif event == _GONE:
        connections.clear()
        over.append(True)


ble = bluetooth.BLE()
ble.active(True)
ble.irq(on_event)
((handle,),) = ble.gatts_register_services(((SERVICE, ((NUMBERS, 0x0010),)),))
advertisement = b"\x02\x01\x06" + bytes([len(NAME) + 1, 9]) + NAME
ble.gap_advertise(100_000, advertisement)
sent = 0
try:
    start = time.ticks_ms()
    while not over and time.ticks_diff(time.ticks_ms(), start) < 1000 * SECONDS:
        time.sleep_ms(50)
        if connections:
            try:
                ble.gatts_notify(connections[0], handle, struct.pack("<I", sent))
                sent += 1
            except (OSError, TypeError):
                pass  # the queue is full, or the host is just leaving
finally:
    ble.gap_advertise(None)
    ble.active(False)
print("VALUE sent=%d" % sent)
