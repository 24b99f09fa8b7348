"""Freezes the firmware into a MicroPython build; see boards/README.md."""

include("$(PORT_DIR)/boards/manifest.py")
freeze("../../build/frozen-nucleo_wb55")
