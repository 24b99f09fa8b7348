"""Freezes the firmware into a MicroPython build; see boards/README.md."""

include("$(PORT_DIR)/boards/ARDUINO_NANO_RP2040_CONNECT/manifest.py")
freeze("../../build/frozen-nano_rp2040_connect")
