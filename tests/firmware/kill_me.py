"""Records a virtual monitor until somebody kills it: `kill_me.py RUN_DIR STORE [SECONDS]`."""

import asyncio
import sys
from pathlib import Path

from heartlog.ble import open_backend
from heartlog.recorder import Recorder, events
from heartlog.store import Store


async def main(folder: str, store: str, seconds: float | None) -> None:
    with Store.open(Path(store)) as opened:
        async with open_backend(f"virtual:{folder}") as backend:

            def tell(event: events.Event) -> None:
                if isinstance(event, events.Committed):
                    print(event.seq, flush=True)

            await Recorder(opened, backend, on_event=tell).run(seconds)


asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3]) if len(sys.argv) > 3 else None))
