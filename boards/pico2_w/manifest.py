"""Freezes the firmware into a MicroPython build; see boards/README.md."""

include("$(PORT_DIR)/boards/RPI_PICO2_W/manifest.py")
freeze("../../build/frozen-pico2_w")
