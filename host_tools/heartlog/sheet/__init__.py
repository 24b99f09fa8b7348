"""The patient's sheet: one leaf of paper in plain words and large type.

    details = Details(clinic="Heart Clinic", telephone="012 345 678")
    make_sheet(Path("sheet.pdf"), details, page="A4")

Front: what to do. Back: what the light means, drawn from the very table that the monitor plays
(`firmware/monitor/patterns.py`), so that paper and light can't disagree.
"""

from heartlog.sheet.paper import make_sheet
from heartlog.sheet.side import Details

__all__ = ["Details", "make_sheet"]
