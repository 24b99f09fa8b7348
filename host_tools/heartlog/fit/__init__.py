"""Fitting a monitor to a patient, step by step; every reading is kept, and it can be resumed.

fitting = FittingRecord.begin(store, patient_id=4, who="J. Doe")
fitting.reading("contact", electrode="LA", good=False, advice="left arm electrode: ...")
"""

from heartlog.fit.advice import SignalReading, contact_advice, read_signal, signal_advice
from heartlog.fit.record import STEPS, FittingRecord

__all__ = [
    "STEPS",
    "FittingRecord",
    "SignalReading",
    "contact_advice",
    "read_signal",
    "signal_advice",
]
