"""Sessions as files for other programs: WFDB, EDF+C, CSV, FHIR R4, JSON; de-identified on request.

from heartlog.export import export_session

export_session(store, session_id, "edf", Path("out"), deidentify=True)
"""

from heartlog.export.common import ExportData, collect
from heartlog.export.deidentify import deidentified
from heartlog.export.run import FORMATS, export_session

__all__ = ["FORMATS", "ExportData", "collect", "deidentified", "export_session"]
