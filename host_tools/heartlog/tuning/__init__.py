"""Fits the detector's parameters, and says honestly what fitting is worth.

    python -m heartlog.tuning /path/to/mitdb            # cross-validated, then on all records

Parameters fitted on the records with even numbers are scored on those with odd numbers and the
other way round; the sum of both is the cross-validated figure, to be read beside the one on the
records that the parameters were fitted on. It is the firmware's own detector that runs,
compiled, in MicroPython.

What is fitted: the twelve parameters in `search.FREE`; the others are physiology or arithmetic
(see the detector's README). Where it starts: `search.START`, round numbers. How it searches:
coordinate descent, each parameter up and down by its step as long as that helps, in an order
shuffled by the seed (default 1), two rounds; about 120 runs of the detector over each half.
What it minimises: the sum over records of 30 * ln(1 + errors / 30), errors being beats missed
plus beats invented. A logarithm, because with the plain number two or three records decide
everything, and what they teach doesn't carry over to others.
"""
