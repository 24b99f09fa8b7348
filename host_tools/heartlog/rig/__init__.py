"""The production test of a monitor: flash, self-test, calibration, rails, keys, certificate.

`heartlog bench` (`heartlog.rig.cli`) runs it; `heartlog.rig.measure` is the rig: ADS1115
converters on I2C, read by adafruit-circuitpython-ads1x15.
"""
