"""A department's archive analysed anew, spread over worker processes by Dask.

    for row in reanalyse("postgresql://...", settings, workers=8):
        row["session"], row["mean_rate"], row["worker"]

Dask's distributed scheduler is the engine (https://distributed.dask.org): sessions are its tasks,
each worker process opens the store by its URL and reads what it needs, so that only figures
travel. `scheduler` takes the address of a cluster that is there already (many machines).
"""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from heartlog.analysis.settings import AnalysisSettings
from heartlog.errors import CommandError
from heartlog.store.cipher import without_key

Progress = Callable[[str, float], None]


def figures(url: str, session_id: int, settings: AnalysisSettings) -> dict[str, Any]:
    """Analyse one session in this process; what can't be read is told in `problem`."""
    from heartlog.analysis.summary import analyse
    from heartlog.store import Store

    try:
        with Store.open(url, read_only=True) as store:
            a = analyse(store.session(session_id), store.timeline(session_id), settings)
    except CommandError as problem:
        return {"session": session_id, "worker": os.getpid(), "problem": problem.message}
    return {
        "session": session_id,
        "patient": a.session.patient_identifier,
        "worker": os.getpid(),
        "hours": a.quality.span_seconds / 3600,
        "analysable_percent": a.quality.analysable_percent,
        "beats": a.rate.beats,
        "mean_rate": a.rate.mean,
        "lowest_rate": a.rate.lowest,
        "highest_rate": a.rate.highest,
        "longest_rr_ms": a.rate.longest_rr_ms,
        "pauses": len(a.pauses),
        "wide_percent": a.wide.burden,
        "wide_runs": a.wide.runs,
        "early_percent": a.premature.burden,
        "irregular_percent": a.screen.percent,
        "sdnn_ms": a.hrv.sdnn,
        "rmssd_ms": a.hrv.rmssd,
        "urgent": len(a.urgent),
    }


def reanalyse(
    url: str,
    session_ids: Sequence[int],
    settings: AnalysisSettings | None = None,
    *,
    workers: int = 2,
    scheduler: str | None = None,
    progress: Progress | None = None,
) -> Iterator[dict[str, Any]]:
    """Yield each session's figures as they are done (any order)."""
    try:
        from dask.distributed import Client, LocalCluster, as_completed
    except ModuleNotFoundError as problem:
        raise CommandError(
            "Analysing an archive in parallel needs Dask, which is not installed.",
            "pip install 'heartlog[department]'",
        ) from problem
    if scheduler:
        url = without_key(url)  # it would travel: those computers unlock the store themselves
    rules = settings or AnalysisSettings()
    tell = progress or (lambda text, share: None)
    cluster = (
        None
        if scheduler
        else LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            silence_logs=40,
        )
    )
    try:
        with Client(scheduler or cluster) as client:
            tasks = client.map(
                figures, [url] * len(session_ids), session_ids, [rules] * len(session_ids)
            )
            for number, task in enumerate(as_completed(tasks), 1):
                row: dict[str, Any] = task.result()
                tell(f"session {row['session']}", number / len(session_ids))
                yield row
    finally:
        if cluster is not None:
            cluster.close()
