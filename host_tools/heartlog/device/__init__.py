"""Everything that is done to a board with a cable: flash it, update it, read its registers.

`heartlog.device.cli` has the commands; `heartlog.device.install` is what they stand on.
"""
