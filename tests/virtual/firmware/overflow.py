"""Test firmware: more characteristics than BTstack's attribute table holds."""

import bluetooth
import machine

ble = bluetooth.BLE()
ble.active(True)
wide = tuple(
    (bluetooth.UUID("7e1d00%02x-5c2b-4f8e-a3d4-68656172746c" % i), bluetooth.FLAG_READ)
    for i in range(10)
)
((handles),) = ble.gatts_register_services(
    ((bluetooth.UUID("7e1d0001-5c2b-4f8e-a3d4-68656172746c"), wide),)
)
print("handles", handles, "distinct", len(set(handles)))
ble.gap_advertise(100000, b"\x02\x01\x06")
while True:
    machine.idle()
