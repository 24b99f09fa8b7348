"""Battery: the divider reads a lithium cell's voltage, steadily."""

import board

reads = sorted(board.battery_millivolts() for _ in range(15))
middle = reads[7]
print("VALUE millivolts=%d spread=%d" % (middle, reads[-2] - reads[1]))
if middle < 1000:
    print("SKIP no cell is connected")
else:
    assert 2800 <= middle <= 4300, "%d mV is no lithium cell" % middle
    assert reads[-2] - reads[1] < 150, "the reading jumps by %d mV" % (reads[-2] - reads[1])
