"""Test firmware: a GATT server that does what a host writes to it.

Service 0xF00D: 0xF001 control (write), 0xF002 stream (notify, indicate), 0xF003 value.
A control write is one letter and a u16: n COUNT notifications of 20 bytes, numbered from 0 on; b
COUNT the same at 244 bytes; d disconnects.
"""

import struct

import bluetooth
import machine
import time

ble = bluetooth.BLE()
ble.active(True)
service = (
    bluetooth.UUID(0xF00D),
    (
        (bluetooth.UUID(0xF001), bluetooth.FLAG_WRITE),
        (bluetooth.UUID(0xF002), bluetooth.FLAG_NOTIFY | bluetooth.FLAG_INDICATE),
        (bluetooth.UUID(0xF003), bluetooth.FLAG_READ | bluetooth.FLAG_WRITE),
    ),
)
((control, stream, value),) = ble.gatts_register_services((service,))
ble.gatts_write(value, b"initial")
connections = []
work = []
kept = []


def advertise():
    ble.gap_advertise(100000, b"\x02\x01\x06\x03\x03\x0d\xf0", resp_data=b"\x05\x09test")


def irq(event, data):
    if event == 1:
        connections.append(data[0])
        kept.append(data[2])
        print("connected", data[0], data[1], bytes(data[2]).hex())
    elif event == 2:
        connections.remove(data[0])
        print("disconnected", data[0], data[1], time.ticks_ms())
        advertise()
    elif event == 3:
        if data[1] == control:
            work.append(ble.gatts_read(control))
        else:
            print("written", len(ble.gatts_read(data[1])))
    elif event == 4:
        print("read request", data)
    elif event == 21:
        print("mtu", data)
    else:
        print("event", event, data)


ble.irq(irq)
advertise()
pending = None
number = 0
full = 0
while True:
    if work:
        order = work.pop(0)
        kind = order[:1]
        (count,) = struct.unpack_from("<H", order, 1)
        if kind == b"d":
            for c in connections:
                ble.gap_disconnect(c)
        elif kind == b"i":
            ble.gatts_indicate(connections[0], stream, b"indication")
        elif kind == b"k":
            print("kept", bytes(kept[-1]).hex())
        else:
            pending = [kind, count]
            number = 0
    if pending and pending[1] and connections:
        data = struct.pack("<I", number) + bytes(16 if pending[0] == b"n" else 240)
        try:
            for c in connections:
                ble.gatts_notify(c, stream, data)
            number += 1
            pending[1] -= 1
            if not pending[1]:
                print("sent", number, "full", full)
        except OSError as e:
            full += 1
            machine.idle()
            if e.errno != 12:
                print("notify", e)
                pending = None
    else:
        machine.idle()
