"""The whole product on a real ECG: `heartlog demo`, `python -m heartlog.demo`, `make demo`."""
