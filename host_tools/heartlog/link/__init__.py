"""The host's end of the link to a monitor.

    async with open_backend(spec) as backend, Monitor(backend, device) as monitor:
        await monitor.synchronize()
        async for batch in monitor.records(after=store.committed_seq(monitor.device_id)):
            store.append(session, batch.records)
            await monitor.acknowledge(batch.records[-1].seq)

`flow` is the protocol without any radio (bytes in, records and replies out), `monitor` puts it on
a bleak client, `records` are what comes out.
"""

from heartlog.link.ecgflow import EcgBlock, EcgFlow
from heartlog.link.flow import Batch, RecordFlow
from heartlog.link.monitor import Monitor, MonitorInfo
from heartlog.link.problems import LinkLost, RequestRefused
from heartlog.link.records import Record

__all__ = [
    "Batch",
    "EcgBlock",
    "EcgFlow",
    "LinkLost",
    "Monitor",
    "MonitorInfo",
    "Record",
    "RecordFlow",
    "RequestRefused",
]
