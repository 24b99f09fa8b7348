"""FHIR R4: a collection bundle of Patient, Device, Observations and a DiagnosticReport.

The heart-rate trend and ECG strips are Observations with SampledData. Codes: LOINC 8867-4 (heart
rate), 80404-7 (SDNN), 18754-2 (Holter study), 11524-6 (EKG study); what LOINC has no code for is
named by text. https://hl7.org/fhir/R4/
"""

import json
import uuid
from pathlib import Path
from typing import Any

import numpy as np

from heartlog.export.common import ExportData, PlacedRun, iso, lead_name
from heartlog.report.texts import NOTICE

SPACE = uuid.UUID("7e1d0001-5c2b-4f8e-a3d4-68656172746c")
MAX_STRIP_SECONDS = 600.0
"""Longer ECG does not belong into a bundle: export EDF or WFDB beside it."""
LOINC, UCUM = "http://loinc.org", "http://unitsofmeasure.org"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
SEX = {"female": "female", "male": "male", "other": "other"}

Json = dict[str, Any]


def write_fhir(data: ExportData, path: Path) -> list[Path]:
    """Write the bundle."""
    with path.open("w", encoding="utf-8") as file:
        json.dump(bundle(data), file, ensure_ascii=False, allow_nan=False, indent=1)
    return [path]


def bundle(data: ExportData) -> Json:
    """Return the bundle as FHIR's JSON."""
    maker = _Maker(data)
    entries = [maker.patient(), maker.device(), *maker.observations()]
    entries.append(maker.report([e for e in entries if e["resourceType"] == "Observation"]))
    return {
        "resourceType": "Bundle",
        "id": maker.id("bundle"),
        "type": "collection",
        "timestamp": iso(data.generated_at),
        "entry": [{"fullUrl": f"urn:uuid:{e['id']}", "resource": e} for e in entries],
    }


class _Maker:
    """Builds resources that refer to each other."""

    def __init__(self, data: ExportData) -> None:
        self.data = data
        self.period = {"start": iso(data.start), "end": iso(data.stop)}

    def id(self, name: str) -> str:
        """A stable UUID: the same session exported twice has the same ids."""
        d = self.data
        return str(uuid.uuid5(SPACE, f"{d.session.device_id}/{d.session.started_at}/{name}"))

    def ref(self, name: str) -> Json:
        return {"reference": f"urn:uuid:{self.id(name)}"}

    def patient(self) -> Json:
        p = self.data.patient
        out: Json = {"resourceType": "Patient", "id": self.id("patient")}
        if p is None:
            return out
        out["identifier"] = [{"system": "urn:heartlog:patient", "value": p.identifier}]
        if p.name:
            out["name"] = [{"text": p.name}]
        if p.birth_date:
            out["birthDate"] = p.birth_date
        out["gender"] = SEX.get(p.sex.lower(), "unknown")
        return out

    def device(self) -> Json:
        s = self.data.session
        out: Json = {
            "resourceType": "Device",
            "id": self.id("device"),
            "identifier": [{"system": "urn:heartlog:device", "value": s.device_id}],
            "deviceName": [{"name": s.board or "imported test", "type": "model-name"}],
            "type": {"text": "Portable heart monitor, not a certified medical device"},
        }
        if s.firmware:
            out["version"] = [{"type": {"text": "firmware"}, "value": s.firmware}]
        return out

    def _observation(self, name: str, code: Json) -> Json:
        return {
            "resourceType": "Observation",
            "id": self.id(name),
            "status": "final",
            "category": [{"coding": [{"system": CATEGORY, "code": "procedure"}]}],
            "code": code,
            "subject": self.ref("patient"),
            "device": self.ref("device"),
            "effectivePeriod": self.period,
        }

    def observations(self) -> list[Json]:
        a = self.data.analysis
        heart = loinc("8867-4", "Heart rate")
        values: list[tuple[str, Json, float | None, str, str]] = [
            ("mean", {**heart, "text": "Heart rate, mean"}, a.rate.mean, "/min", "/min"),
            ("low", {**heart, "text": "Heart rate, lowest"}, a.rate.lowest, "/min", "/min"),
            ("high", {**heart, "text": "Heart rate, highest"}, a.rate.highest, "/min", "/min"),
            ("rr", {"text": "Longest RR interval"}, a.rate.longest_rr_ms, "ms", "ms"),
            ("sdnn", loinc("80404-7", "SDNN"), a.hrv.sdnn, "ms", "ms"),
            ("rmssd", {"text": "RMSSD"}, a.hrv.rmssd, "ms", "ms"),
            ("wide", {"text": "Wide beats, burden"}, a.wide.burden, "%", "%"),
            ("early", {"text": "Early narrow beats, burden"}, a.premature.burden, "%", "%"),
            ("pauses", {"text": "Pauses"}, float(len(a.pauses)), "1", "1"),
            ("good", {"text": "Analysable"}, a.quality.analysable_percent, "%", "%"),
        ]
        out = []
        for name, code, value, unit, ucum in values:
            if value is None or not np.isfinite(value):
                continue
            made = self._observation(name, code)
            made["valueQuantity"] = {
                "value": round(float(value), 3),
                "unit": unit,
                "system": UCUM,
                "code": ucum,
            }
            out.append(made)
        out.append(self._trend())
        out += [
            self._ecg(number, placed)
            for number, placed in enumerate(self.data.runs, 1)
            if len(placed.run.codes) / placed.run.rate <= MAX_STRIP_SECONDS
        ]
        return out

    def _trend(self) -> Json:
        t = self.data.analysis.trend
        made = self._observation("trend", {**loinc("8867-4", "Heart rate"), "text": "Trend"})
        values = ["E" if v != v else f"{v:.1f}" for v in t.mean]
        made["valueSampledData"] = {
            "origin": {"value": 0, "unit": "/min", "system": UCUM, "code": "/min"},
            "period": t.seconds * 1000,
            "dimensions": 1,
            "data": " ".join(values),
        }
        return made

    def _ecg(self, number: int, placed: PlacedRun) -> Json:
        run = placed.run
        lead = lead_name(self.data, run.channel)
        code = {**loinc("11524-6", "EKG study"), "text": f"ECG strip, lead {lead}"}
        made = self._observation(f"ecg{number}", code)
        start = self.data.start + placed.first / self.data.rate
        made["effectivePeriod"] = {
            "start": iso(start),
            "end": iso(start + len(run.codes) / run.rate),
        }
        made["valueSampledData"] = {
            "origin": {"value": 0, "unit": "uV", "system": UCUM, "code": "uV"},
            "period": 1000.0 / run.rate,
            "factor": run.nv_per_code / 1000.0,
            "dimensions": 1,
            "data": " ".join(map(str, run.codes.tolist())),
        }
        return made

    def report(self, observations: list[Json]) -> Json:
        a = self.data.analysis
        lines = [u.text for u in a.urgent] or ["No urgent finding by the rules used."]
        lines += [str(f["text"]) for f in self.data.findings]
        return {
            "resourceType": "DiagnosticReport",
            "id": self.id("report"),
            "status": "preliminary",
            "code": loinc("18754-2", "Holter monitor study"),
            "subject": self.ref("patient"),
            "effectivePeriod": self.period,
            "issued": iso(self.data.generated_at),
            "result": [{"reference": f"urn:uuid:{o['id']}"} for o in observations],
            "conclusion": " ".join([*lines, NOTICE]),
        }


def loinc(code: str, text: str) -> Json:
    """Return a CodeableConcept."""
    return {"coding": [{"system": LOINC, "code": code, "display": text}], "text": text}
