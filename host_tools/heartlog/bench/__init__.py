"""Measured figures, each by name: `make bench`, or `python -m heartlog.bench [SECTION...]`.

Deterministic figures come first: they are the same on every computer and every day. Times come
last, and as ratios, since they belong to the computer that they were measured on.
"""
