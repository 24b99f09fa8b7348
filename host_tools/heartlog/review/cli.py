"""`heartlog review`: look through a session and correct it."""

import sys

from heartlog.cli import output
from heartlog.cli.options import JsonOption, SessionArgument, StoreOption, ThresholdOption
from heartlog.errors import UsageProblem


def review(
    session: SessionArgument,
    setting: ThresholdOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look through a session, quality first; correct beats, write findings.

    Corrections never change what was recorded: each can be undone, and is in the audit trail.
    """
    from heartlog.analysis import AnalysisSettings
    from heartlog.review.model import TABS, ReviewModel
    from heartlog.store import Store

    rules = AnalysisSettings.parse(setting or [])
    with Store.open(store) as opened:
        model = ReviewModel(opened, session, rules)
        if as_json:
            output.print_json(
                {
                    name: [
                        {"at": e.at, "what": e.what, "text": e.text} for e in model.entries(name)
                    ]
                    for name in TABS
                }
            )
            return
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise UsageProblem(
                "The review needs a terminal.", "For a program: --json. On paper: heartlog report."
            )
        from heartlog.review.app import ReviewApp

        ReviewApp(model).run()
