"""Tests from other equipment become sessions: WFDB, EDF+, Polar or HRS RR text.

from heartlog.importing import import_file

session = import_file(store, "mitdb/208", patient_id=patient.id)
"""

from heartlog.importing.common import ImportedTest, save
from heartlog.importing.files import import_file, read_file

__all__ = ["ImportedTest", "import_file", "read_file", "save"]
