"""Records a monitor into the store: finds it, follows it, finds it again, loses nothing.

    recorder = Recorder(store, backend, on_event=print)
    session_id = await recorder.run(seconds=3600)

Records are committed before they are acknowledged, so that whatever happens to this process, the
monitor still has what the store has not. `run` ends when the time is over or `stop()` is called;
a task that is cancelled leaves the session marked interrupted, and the next `run` goes on with it.

One recorder a monitor: a lock on this computer (`claim`), and the monitor itself towards others.
Its records say where a session ends (`belonging`), also when that was at its button, or while
nobody listened. Durations are taken from a clock that nobody sets.
"""

from heartlog.recorder import events
from heartlog.recorder.recorder import Recorder

__all__ = ["Recorder", "events"]
