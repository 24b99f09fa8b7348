"""Reports of a session, as PDF and HTML, in an order that never changes.

from heartlog.report import make_report

make_report(store, session_id, [Path("report.pdf"), Path("report.html")], paper="a4")
"""

from heartlog.report.make import make_report

__all__ = ["make_report"]
