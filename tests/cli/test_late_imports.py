"""A server imports nothing after its start: later there may be no descriptor left to do so.

Rule: a real server is asked for everything that its table of routes has, by right and by wrong
requests, and a hook of the interpreter says what it imported meanwhile.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
from support.server_process import REQUEST, ServerProcess, serving_process

WRONG: list[object] = [
    {"symbols": ["APPL"], **{key: REQUEST[key] for key in ("start_date", "end_date")}},
    {**REQUEST, "strategy": {"name": "ma_crosover"}},
    {**REQUEST, "timezone": "Nowhere/At_All"},
    {},
    [],
]
RIGHT: list[dict[str, Any]] = [
    {**REQUEST, "data_source": "sample"},
    {**REQUEST, "timezone": "America/New_York"},
    {**REQUEST, "stream": {"metrics_every": 1}},
]


async def use_every_route(server: ServerProcess) -> None:
    run_id = (await server.run())["run_id"]
    document = await server.get("/openapi.json")
    export = await server.ask("GET", f"/backtests/{run_id}/export")
    assert export.status == 200
    for path, methods in document["paths"].items():
        filled = path.replace("{run_id}", run_id).replace("{name}", "swagger-ui.css")
        for method in sorted(methods, key=lambda each: each == "delete"):
            if method != "delete":
                await server.ask(method.upper(), filled, None if method == "get" else {})
    for body in WRONG:
        assert (await server.ask("POST", "/backtests", body)).status == 422
    for body in RIGHT:
        await server.run(**body)
    for table in ("equity", "trades", "orders"):
        for form in ("csv", "parquet"):
            await server.ask("GET", f"/backtests/{run_id}/{table}.{form}")
    await server.followed(run_id)
    for query in ("?types=trade", "?after=5", "?limit=1", "?nonsense=1"):
        await server.ask("GET", f"/backtests/{run_id}/events{query}")
    assert (await server.ask("PUT", "/backtests", {})).status == 405
    assert (await server.ask("DELETE", f"/backtests/{run_id}")).status in (200, 204)
    assert (await server.ask("GET", "/nowhere")).status == 404


async def test_no_request_makes_a_server_import_anything(tmp_path: Path) -> None:
    log = tmp_path / "imports"
    options = ("--strategies", "support.import_probe:Probe", "--workers", "1")
    async with serving_process(*options, environment={"IMPORTS_TO": str(log)}) as server:
        at_start = len(log.read_text())
        assert orjson.loads((await server.ask("GET", "/readyz")).body)["status"]
        await use_every_route(server)
        late = log.read_text()[at_start:].split()
        assert late == [], " ".join(late)
