"""Test firmware: a GATT server that does what a host writes to it.

Service 0xF00D: 0xF001 control (write), 0xF002 stream (notify, indicate), 0xF003 value (read,
write), 0xF004 secret (read, encrypted). A control write is one letter and a u16:
n COUNT notifications of 20 bytes, numbered from 0 on; b COUNT the same with 600 bytes; r COUNT
notifications in one go, without waiting; d disconnect; i indicate; k look at a kept memoryview;
o notify a connection that is gone; p COUNT ask to pair after so many ms; a append
to the value; s COUNT set its buffer.
"""

import struct
import time

import bluetooth
import gc
import machine

ble = bluetooth.BLE()
btstack = not hasattr(ble, "gap_pair")
ble.config(gap_name="test board")
try:
    ble.config(bond=True, mitm=True, le_secure=True, io=0)
except ValueError as e:
    print("no security:", e)
ble.active(True)
service = (
    bluetooth.UUID(0xF00D),
    (
        (bluetooth.UUID(0xF001), bluetooth.FLAG_WRITE),
        (bluetooth.UUID(0xF002), bluetooth.FLAG_NOTIFY | bluetooth.FLAG_INDICATE),
        (bluetooth.UUID(0xF003), bluetooth.FLAG_READ | bluetooth.FLAG_WRITE),
        (bluetooth.UUID(0xF004), bluetooth.FLAG_READ | bluetooth.FLAG_READ_ENCRYPTED),
    ),
)
((control, stream, value, secret),) = ble.gatts_register_services((service,))
ble.gatts_write(value, b"initial")
ble.gatts_write(secret, b"secret")
connections = []
work = []
kept = []
secrets = {}
gone = None


def advertise():
    ble.gap_advertise(100000, b"\x02\x01\x06\x03\x03\x0d\xf0", resp_data=b"\x05\x09test")


def irq(event, data):
    global gone
    if event == 1:
        connections.append(data[0])
        kept.append(data[2])
        print("connected", data[0], data[1], bytes(data[2]).hex())
    elif event == 2:
        connections.remove(data[0])
        gone = data[0]
        print("disconnected", data[0], data[1], time.ticks_ms())
        if not btstack:
            advertise()
    elif event == 3:
        if data[1] == control:
            work.append(ble.gatts_read(control))
        else:
            print("written", ble.gatts_read(data[1]))
    elif event == 4:
        print("read request", data)
    elif event == 20:
        print("indicated", data[2])
    elif event == 21:
        print("mtu", data[1])
    elif event == 28:
        print("encrypted", data[1:4])
    elif event == 29:
        return secrets.get(bytes(data[2]) if data[2] is not None else None)
    elif event == 30:
        secrets[bytes(data[1])] = bytes(data[2]) if data[2] is not None else None
        return True
    elif event == 31:
        print("passkey action", data[1])
        ble.gap_passkey(data[0], data[1], 123456)


def attempt(name, fn, *args):
    try:
        print(name, "gave", fn(*args))
    except Exception as e:
        print(name, "raised", type(e).__name__, getattr(e, "errno", e))


ble.irq(irq)
advertise()
print("up", ble.config("gap_name"), ble.config("mtu"))
pending = None
number = 0
full = 0
while True:
    if work:
        order = work.pop(0)
        kind = order[:1].decode()
        (count,) = struct.unpack_from("<H", order, 1)
        if kind == "d":
            for c in connections:
                ble.gap_disconnect(c)
        elif kind == "i":
            ble.gatts_indicate(connections[0], stream, b"indication")
        elif kind == "k":
            print("kept", bytes(kept[-1]).hex())
        elif kind == "o":
            attempt("notify None", ble.gatts_notify, None, stream, b"x")
            attempt("notify gone", ble.gatts_notify, 77, stream, b"x")
            attempt("disconnect gone", ble.gap_disconnect, 77)
            attempt("write nowhere", ble.gatts_write, 9999, b"x")
            attempt("long advertisement", ble.gap_advertise, 100000, bytes(40))
            advertise()
        elif kind == "p":
            time.sleep_ms(count)
            attempt("pair", lambda: ble.gap_pair(connections[0]))
        elif kind == "s":
            ble.gatts_set_buffer(value, count, True)
        elif kind == "u":
            ble.gatts_write(stream, b"update", True)
        elif kind == "m":
            gc.collect()
            print("memory", gc.mem_alloc())
        elif kind == "r":
            sent = 0
            try:
                for i in range(count):
                    ble.gatts_notify(connections[0], stream, struct.pack("<I", i))
                    sent += 1
            except OSError as e:
                print("refused", e.errno)
            print("burst", sent)
        else:
            pending = [kind, count]
            number = 0
    if pending and pending[1] and connections:
        data = struct.pack("<I", number) + bytes(16 if pending[0] == "n" else 596)
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
                pending = None
    else:
        machine.idle()
