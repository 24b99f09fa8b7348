"""What an EXCHANGED frame reports to the firmware's side; its other end is runtime/air.py."""

CONNECTED, DISCONNECTED, MTU, WRITTEN, READING, UPDATED, INDICATED, ENCRYPTED, SECRET, PASSKEY = (
    range(1, 11)
)
