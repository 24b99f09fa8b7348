"""Freezes the firmware into a MicroPython build; see boards/README.md."""

include("$(PORT_DIR)/boards/RPI_PICO_W/manifest.py")
freeze("../../build/frozen-pico_w")
