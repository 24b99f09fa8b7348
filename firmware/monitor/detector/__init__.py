"""The R-peak detector: `from monitor.detector.core import Detector`."""
