"""A client of the server, for trio programs: values in, values out, streams without loss.

Belongs here: the typed client, its blocking face, and how streams resume after a lost connection.
Never here: the engine, the gateway, anything of the server's; printing.
May be imported by: `cli` and `testing`.

    async with open_client("http://127.0.0.1:8000") as client:
        status = await client.submit(BacktestRequest(symbols=["AAPL"], ...))
        async with client.stream(status.run_id) as events:
            async for event in events:
                print(event.event_id, event.type, event.payload)
        result = await client.results(status.run_id)

`glowback_trio.client.sync` is the same for programs without trio.
"""

from glowback_trio.client.client import Client
from glowback_trio.client.client_opening import open_client
from glowback_trio.client.files import File
from glowback_trio.client.optimization import OptimizationHandle
from glowback_trio.client.stream import EventStream, Retry

__all__ = ["Client", "EventStream", "File", "OptimizationHandle", "Retry", "open_client"]
