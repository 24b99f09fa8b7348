"""The monitor's self-test and calibration, asked for by cable or over the air.

report = await over_the_air(monitor, "open")     # heartlog selftest
report = by_cable(bench, "open")                 # heartlog device selftest
report.passed, report.figures
keep(store, report)                              # into the equipment record
"""
