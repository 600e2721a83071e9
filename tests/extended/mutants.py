"""Write faults into copies of the package, and see that the tests find every one.

    python tests/extended/mutants.py [WORD]

With a word, only the faults whose names contain it are tried. A suite that passes proves little
until it is known that it can fail. These are faults that streaming servers really had, each in a
line or two. That the lines they replace are still there is checked by tests/test_mutants.py.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from attrs import frozen

ROOT = Path(__file__).parents[2]
BROADCASTER = "glowback_trio/actors/broadcaster.py"
RUN = "glowback_trio/actors/run.py"
WORK = "glowback_trio/actors/runs/work.py"
COURSE = "glowback_trio/actors/course.py"
WRITER = "glowback_trio/actors/log_writer.py"
RECOMPUTATION = "glowback_trio/actors/runs/recomputation.py"
EMISSION = "glowback_trio/actors/runs/emission.py"
MEMORY_LOG = "glowback_trio/store/memory_log.py"
SQLITE = "glowback_trio/store/sqlite"
SHARED = "glowback_trio/store/durable"
POSTGRES = "glowback_trio/store/postgres"
BACKTESTS = "glowback_trio/server/routes/backtests.py"
SUBMISSION = "glowback_trio/server/routes/submission.py"
HUB = "glowback_trio/serving/hub.py"
HANDOFF = "glowback_trio/serving/websocket/handoff.py"
HANDSHAKE = "glowback_trio/serving/websocket/handshake.py"
WEBSOCKET = "glowback_trio/serving/websocket/stream.py"
HTTP1 = "glowback_trio/serving/http/http1.py"
HEAD_CHECKS = "glowback_trio/serving/http/head_checks.py"
BODY_READER = "glowback_trio/serving/http/body_reader.py"
FEED = "glowback_trio/server/state/feeds.py"
EVENTS = "glowback_trio/server/routes/events.py"
CHAIN = "glowback_trio/client/log_verifier.py"
STREAM = "glowback_trio/client/stream.py"
GATEWAY = "glowback_trio/actors/gateway.py"
OPENING = "glowback_trio/actors/gateway_opening.py"
THREAD_CALLS = "glowback_trio/actors/thread_calls.py"
DEADLOCK = "glowback_trio/testing/sim/deadlock.py"
SIMULATION = "glowback_trio/testing/sim/loop/simulation.py"
READY = "glowback_trio/testing/sim/loop/ready.py"
ROUNDS = "glowback_trio/testing/sim/search/rounds.py"
REPLAY = "glowback_trio/testing/sim/search/replay.py"
STRATEGIES = "glowback_trio/testing/sim/search/strategies.py"

ACTORS = ("tests/actors",)
STORES = ("tests/store",)
DURABLE = ("tests/server/test_durable.py",)
HUBS = ("tests/serving/test_hub.py",)
READERS_IN_ANY_ORDER = ("tests/actors/test_subscription_schedules.py",)
HUB_IN_ANY_ORDER = ("tests/serving/test_hub_schedules.py",)
REQUESTS = ("tests/serving/test_request_fuzz.py",)
HANDSHAKES = ("tests/serving/test_handshake.py",)
SHUTDOWNS = ("tests/serving/test_shutdown.py", "tests/serving/test_handoff.py")
FEEDS = ("tests/server/test_feeds.py", "tests/server/test_cuts.py")
SERVER = ("tests/server/test_stream_isolation.py", "tests/server/test_cuts.py")
CLIENT = ("tests/client/test_resume.py",)
THREADS = ("tests/actors/test_threads.py",)
DEADLOCKS = ("tests/testing/test_deadlock.py",)
FINDS = ("tests/testing/test_find.py",)
REPLAYS = ("tests/testing/test_replay.py",)
TRIPWIRES = ("tests/testing/test_tripwires.py",)


@frozen
class Mutant:
    """One fault: in `file`, `sound` becomes `faulty`, and one of `tests` must fail."""

    name: str
    file: str
    sound: str
    faulty: str
    tests: tuple[str, ...] = ACTORS


MUTANTS = (
    Mutant(
        "cursor off by one",
        BROADCASTER,
        "return events, events[-1].event_id if",
        "return events, events[-1].event_id + 1 if",
    ),
    Mutant(
        "cursor of the first event instead of the last",
        BROADCASTER,
        "return events, events[-1].event_id if",
        "return events, events[0].event_id if",
    ),
    Mutant(
        "waiting for the bell before looking at the log",
        BROADCASTER,
        "        await trio.lowlevel.checkpoint()\n"
        "        while not (wanted := self._scan(limit)) and not self.ended:\n",
        "        await self._broadcaster.wait_ring()\n"
        "        while not (wanted := self._scan(limit)) and not self.ended:\n",
    ),
    Mutant(
        "filter that does not move the cursor over what it leaves out",
        MEMORY_LOG,
        "else max(after, newest)",
        "else after",
        STORES,
    ),
    Mutant(
        "filter that hides the end",
        BROADCASTER,
        "return cursor < after == self._end",
        "return cursor > after == self._end",
    ),
    Mutant(
        "a queue of eight per client, oldest dropped",
        BROADCASTER,
        "self._log.read_nowait(cursor, limit)",
        "self._log.read_nowait(cursor, limit)[-8:]",
    ),
    Mutant(
        "an event after the end",
        COURSE,
        "announce_end(terminal_id)\n        self._ended.set()\n",
        "announce_end(terminal_id)\n        self._ended.set()\n"
        '        self.writer._append("log", b"{}", self.writer._clock())\n',
    ),
    Mutant(
        "the end emitted before the result is kept",
        WORK,
        "                    await self._store.keep_result(self._run_id, result)\n",
        "                    self._course.end(State.COMPLETED)\n"
        "                    await trio.lowlevel.checkpoint()\n"
        "                    await self._store.keep_result(self._run_id, result)\n"
        "                    return\n",
    ),
    Mutant(
        "no end when the program around is cancelled",
        COURSE,
        "        elif not self.writer.finished:\n            self.cut_off(",
        "        elif self._reason and not self.writer.finished:\n            self.cut_off(",
    ),
    Mutant(
        "a number taken though the store refused the event",
        WRITER,
        "        self._log.append(event)\n",
        "        self._count += 1\n        self._log.append(event)\n        self._count -= 1\n",
    ),
    Mutant(
        "store: an interrupted run is restored as if it had ended",
        RUN,
        "self._course.end(State.FAILED, INTERRUPTED)",
        "self._course.close_log(self._writer.count)",
    ),
    Mutant(
        "store: the digest of an interrupted run begins anew",
        WRITER,
        "            await self._replay(take)\n",
        "            pass\n",
    ),
    Mutant(
        "store: a run has finished before its end is durable",
        WRITER,
        "return self.finished and self._log.watermark >= self._count\n",
        "return self.finished\n",
    ),
    Mutant(
        "store: a run that is paused while its result is written completes",
        WORK,
        "await self._pacer.wait_resumed()\n                    self._enter(result)\n",
        "self._enter(result)\n",
    ),
    Mutant(
        "store: events that have left memory are never loaded",
        BROADCASTER,
        "            elif wanted := await self._load(limit):",
        "            elif wanted := ():",
    ),
    Mutant(
        "store: a status is told before it is durable",
        WRITER,
        "        self._catch_up(max(self._log.watermark, 1))\n",
        "        self._catch_up(self._count)\n",
    ),
    Mutant(
        "sqlite: an event is shown before it is committed",
        f"{SHARED}/log.py",
        "[start : min(start + limit, self.watermark - self._before)]",
        "[start : start + limit]",
        STORES,
    ),
    Mutant(
        "sqlite: events that are not written leave memory",
        f"{SHARED}/log.py",
        "min(len(self._events) - most, self.watermark - self._before)",
        "len(self._events) - most",
        STORES,
    ),
    Mutant(
        "sqlite: a commit that failed is not tried again",
        f"{SHARED}/writer.py",
        "self._group or self._gather()",
        "self._gather()",
        STORES,
    ),
    Mutant(
        "sqlite: what is left is not written at the end",
        f"{SQLITE}/store.py",
        "            await opened.session.writer.close()\n",
        "            pass\n",
        STORES,
    ),
    Mutant(
        "sqlite: a file that was deleted is written on",
        f"{SQLITE}/committer.py",
        "            if self._find_identity() != self._identity:\n",
        "            if False:\n",
        STORES,
    ),
    Mutant(
        "sqlite: damaged events are given back",
        f"{SHARED}/event_batch.py",
        "zlib.crc32(lines) != checksum or ",
        "",
        STORES,
    ),
    Mutant(
        "sqlite: the rows of a forgotten run go while its log is read",
        f"{SHARED}/session.py",
        "self.cleaner.wake_after(log)",
        "self.cleaner.wake()",
        STORES,
    ),
    Mutant(
        "sqlite: commits never wait for the disk",
        f"{SQLITE}/database.py",
        'connection.pragma("synchronous", synchronous)',
        'connection.pragma("synchronous", "NORMAL")',
        ("tests/store/test_power_cuts.py",),
    ),
    Mutant(
        "sqlite: a commit that failed is dropped",
        f"{SHARED}/writer.py",
        "self._group or self._gather()",
        "self._gather()",
        ("tests/actors/test_disk_faults.py",),
    ),
    Mutant(
        "postgres: events of what another gateway holds are stored",
        f"{POSTGRES}/appending.py",
        "runs.held_by = %s",
        "(runs.held_by = %s OR true)",
        ("tests/store/postgres",),
    ),
    Mutant(
        "postgres: a commit whose outcome was lost is not found",
        f"{POSTGRES}/committer.py",
        "                if state != _MADE_BEFORE:\n",
        "                if True:\n",
        ("tests/store/postgres",),
    ),
    Mutant(
        "postgres: what a fenced gateway had handed over is written under its next lease",
        f"{SHARED}/writer.py",
        "            self._gather()\n            self._group",
        "            self._group",
        ("tests/store/postgres",),
    ),
    Mutant(
        "postgres: a connection that was cut while idle is an error",
        f"{POSTGRES}/reader.py",
        "                    if not connection.closed:\n                        raise\n",
        "                    raise\n",
        ("tests/store/postgres",),
    ),
    Mutant(
        "restart: a run that could not be read at first never goes on",
        "glowback_trio/actors/run_tasks.py",
        "                if run.needs_task and starts():\n",
        "                if False:\n",
    ),
    Mutant(
        "process: a worker that dies before it is ready fails a run",
        "glowback_trio/compute/process/pool.py",
        "if failed >= _WORKERS_TRIED:",
        "if failed:",
        ("tests/compute/test_any_moment.py",),
    ),
    Mutant(
        "restart: what was told is not compared",
        RECOMPUTATION,
        "            self._compare(await self._next(), draft)\n",
        "            await self._next()\n",
    ),
    Mutant(
        "restart: what was told is told again",
        EMISSION,
        "            drafts = await self._new_drafts(self._recomputation, drafts)\n",
        "            await self._new_drafts(self._recomputation, drafts)\n",
    ),
    Mutant(
        "restart: a queued run stays queued",
        OPENING,
        "            if run.needs_task:\n",
        "            if False:\n",
    ),
    Mutant(
        "restart: an idempotency key is not kept with its run",
        BACKTESTS,
        "app_state.submit(requested, owner, key, fingerprint=fingerprint)",
        "app_state.submit(requested, owner, fingerprint=fingerprint)",
        DURABLE,
    ),
    Mutant(
        "server: a run is answered before it is stored",
        SUBMISSION,
        "    await _wait_stored(app_state, kind, first.identity, sent, claim)\n",
        "",
        DURABLE,
    ),
    Mutant(
        "hub: cursor off by one",
        HUB,
        "        follower.cursor = chunk.cursor\n",
        "        follower.cursor = chunk.cursor + 1\n",
        HUBS,
    ),
    Mutant(
        "hub: what went in part is sent again as a whole",
        HUB,
        "        self._count(follower, chunk)\n        if not whole or",
        "        if whole:\n            self._count(follower, chunk)\n        if not whole or",
        HUBS,
    ),
    Mutant(
        "hub: one chunk for all, wherever they stand",
        HUB,
        "        if follower.cursor not in chunks:\n"
        "            chunks[follower.cursor] = _chunk(follower.feed, follower.cursor)\n"
        "            self._writes += _WRITES_PER_CHUNK\n"
        "        self._write(follower, chunks[follower.cursor])\n",
        "        if not chunks:\n"
        "            chunks[follower.cursor] = _chunk(follower.feed, follower.cursor)\n"
        "        self._write(follower, next(iter(chunks.values())))\n",
        HUBS,
    ),
    Mutant(
        "hub: a queue per client",
        HUB,
        "if not follower.busy and not follower.gone:",
        "if not follower.gone:",
        HUBS,
    ),
    Mutant(
        "hub: a ring between replay and registration is lost",
        HUB,
        "            follower.busy = False\n",
        "            await trio.lowlevel.checkpoint()\n            follower.busy = False\n",
        HUBS,
    ),
    Mutant(
        "hub: a ring during a round is lost",
        HUB,
        "                    await self._serve(feed)\n",
        "                    await self._serve(feed)\n"
        "                self._bell, self._rung = trio.Event(), {}\n",
        HUBS,
    ),
    Mutant(
        "hub: only the first chunk of what has gathered is sent",
        HUB,
        "            self._ring(feed)  # perhaps",
        "            pass  # perhaps",
        HUBS,
    ),
    Mutant(
        "hub: the end is reached and no one is notified",
        HUB,
        "        elif chunk.ends:\n",
        "        elif chunk.missing:\n",
        HUBS,
    ),
    Mutant(
        "hub: messages that have left memory are not loaded",
        HUB,
        "if not whole or chunk.missing:",
        "if not whole:",
        HUBS,
    ),
    Mutant(
        "follow: every stream begins at the beginning",
        HANDOFF,
        "Follower(feed, cursor, self",
        "Follower(feed, 0, self",
        SERVER,
    ),
    Mutant(
        "follow: a stream that has ended is never let go",
        HANDOFF,
        "            self.done()\n",
        "",
        SERVER,
    ),
    Mutant(
        "http: a kept connection after the response that the shutdown has met",
        HTTP1,
        "if not done or self._connection.leaving:",
        "if not done:",
        SHUTDOWNS,
    ),
    Mutant(
        "http: a coding of the body that is not chunked alone",
        HEAD_CHECKS,
        'if len(codings) > 1 or codings[0].lower() != b"chunked":',
        'if b"chunked" not in codings[0].lower():',
        REQUESTS,
    ),
    Mutant(
        "http: what comes after the chunks is taken for a part of them",
        BODY_READER,
        "yield empty.end() - len(self._tail)",
        "pass",
        REQUESTS,
    ),
    Mutant(
        "http: pipelined requests hold the event loop",
        HTTP1,
        "if self.unread:",
        "if False:",
        ("tests/serving/test_immediate.py",),
    ),
    Mutant(
        "websocket: frames that came with the handshake are lost",
        HTTP1,
        "await stream.begin(early)",
        'await stream.begin(b"")',
        HANDSHAKES,
    ),
    Mutant(
        "websocket: an accept after the head of a rejection",
        HANDSHAKE,
        "if self._stage is not _Stage.PENDING:",
        "if not self.unanswered:",
        HANDSHAKES,
    ),
    Mutant(
        "websocket: the application is not notified of the shutdown",
        WEBSOCKET,
        "SHUTTING_DOWN)\n            await self._notify_app()",
        "SHUTTING_DOWN)",
        SHUTDOWNS,
    ),
    Mutant(
        "websocket: the hub writes after the close frame",
        WEBSOCKET,
        "        self._leave_hub()  # before",
        "        pass  # before",
        SHUTDOWNS,
    ),
    Mutant(
        "feed: filter applied before the cursor moves",
        FEED,
        "self.max_message_bytes), after",
        "self.max_message_bytes), events[-1].event_id if events else 0",
        FEEDS,
    ),
    Mutant(
        "feed: the end is not sent",
        FEED,
        "return self.source.broadcaster.ended(cursor)",
        "return self.source.broadcaster.ended(cursor + 1)",
        FEEDS,
    ),
    Mutant(
        "feed: what does not fit into one write is skipped",
        FEED,
        "events, after = kept, kept[-1].event_id",
        "events = kept",
        FEEDS,
    ),
    Mutant(
        "feed: a message is one byte longer than it may be",
        FEED,
        "size + more > max_bytes",
        "size + more > max_bytes + 1",
        FEEDS,
    ),
    Mutant(
        "feed: one filter for all",
        FEED,
        "key = (source, wanted, batch, quiet)",
        "key = (source, batch, quiet)",
        FEEDS,
    ),
    Mutant(
        "server-sent events: the cursor of the last connection is not heard",
        EVENTS,
        "    if last is None:\n",
        "    if last is None or query.after == 0:\n",
        SERVER,
    ),
    Mutant(
        "server-sent events: what is there before a wait is dropped",
        EVENTS,
        "            events: Sequence[Event] = ()\n",
        "            events: Sequence[Event] = subscription.read_nowait(1)[1:]\n",
        SERVER,
    ),
    Mutant(
        "client: resumed one event too early",
        STREAM,
        "str(self._verifier.cursor)",
        "str(max(self._verifier.cursor - 1, 0))",
        CLIENT,
    ),
    Mutant(
        "client: any good-bye is taken for the end",
        STREAM,
        "                    self._verifier.close()\n",
        "                    self._verifier.ended = True\n",
        CLIENT,
    ),
    Mutant(
        "client: the digest is not compared",
        CHAIN,
        "digest != received",
        "digest is None",
        CLIENT,
    ),
    Mutant(
        "outside the loop: a run is submitted from another thread",
        "glowback_trio/actors/runs/admission.py",
        "        self._loop.check(call)\n",
        "",
        THREADS,
    ),
    Mutant(
        "outside the loop: the check comes after the pause",
        RUN,
        '        self._broadcaster.loop.check("run.pause")\n'
        '        self._check_held("paused")\n'
        "        if not self._writer.finished:\n"
        "            self._store.note_pause(self.run_id, paused=True)\n"
        "            self._pacer.pause()\n",
        "        if not self._writer.finished:\n"
        "            self._store.note_pause(self.run_id, paused=True)\n"
        "            self._pacer.pause()\n"
        '        self._broadcaster.loop.check("run.pause")\n'
        '        self._check_held("paused")\n',
        THREADS,
    ),
    Mutant(
        "outside the loop: a call outlives the gateway",
        THREAD_CALLS,
        "            await self._left.wait()\n",
        "            await trio.lowlevel.checkpoint()\n",
        THREADS,
    ),
    Mutant(
        "any order: a reader waits for the bell before it looks at the log",
        BROADCASTER,
        "        await trio.lowlevel.checkpoint()\n"
        "        while not (wanted := self._scan(limit)) and not self.ended:\n",
        "        await self._broadcaster.wait_ring()\n"
        "        while not (wanted := self._scan(limit)) and not self.ended:\n",
        READERS_IN_ANY_ORDER,
    ),
    Mutant(
        "any order: a ring between the look at the log and the wait is lost",
        BROADCASTER,
        "                await self._broadcaster.wait_ring()\n            elif",
        "                await trio.lowlevel.checkpoint()\n"
        "                await self._broadcaster.wait_ring()\n            elif",
        READERS_IN_ANY_ORDER,
    ),
    Mutant(
        "any order: the hub loses a ring between the last read and the return",
        HUB,
        "            follower.busy = False\n",
        "            await trio.lowlevel.checkpoint()\n            follower.busy = False\n",
        HUB_IN_ANY_ORDER,
    ),
    Mutant(
        "any order: the hub loses a ring during its round",
        HUB,
        "                    await self._serve(feed)\n",
        "                    await self._serve(feed)\n"
        "                self._bell, self._rung = trio.Event(), {}\n",
        HUB_IN_ANY_ORDER,
    ),
    Mutant(
        "deadlock: a shield keeps it",
        DEADLOCK,
        "            status._scope.shield = False  # noqa: SLF001 - see above\n",
        "",
        DEADLOCKS,
    ),
    Mutant(
        "deadlock: a thread at work is not seen",
        DEADLOCK,
        '    "trio._threads",\n',
        "",
        DEADLOCKS,
    ),
    Mutant(
        "deadlock: idleness is not seen",
        DEADLOCK,
        '    return "wait_all_tasks_blocked" in names\n',
        "    return False\n",
        DEADLOCKS,
    ),
    Mutant(
        "simulator: tasks keep the order in which sets give them",
        SIMULATION,
        "sorted(queue, key=counter_of) if len(queue) > 1 else queue:",
        "list(queue):",
        REPLAYS,
    ),
    Mutant(
        "simulator: the loop goes on while a thread works",
        SIMULATION,
        "            self._threads.wait()\n",
        "            self._threads.running.clear()\n",
        FINDS,
    ),
    Mutant(
        "simulator: a task that polls starves the others",
        READY,
        " or step - self._late_since >= _PATIENCE",
        "",
        FINDS,
    ),
    Mutant(
        "simulator: a token that does not fit passes",
        REPLAY,
        "    if not parted:\n",
        "    if not parted or done.exception is None:\n",
        REPLAYS,
    ),
    Mutant(
        "simulator: an escape that is swallowed is not seen",
        ROUNDS,
        "        if self._tripwires.tripped:\n",
        "        if self._tripwires.tripped and error is not None:\n",
        TRIPWIRES,
    ),
    Mutant(
        "simulator: an exhaustive search leaves out the last deviation",
        STRATEGIES,
        "range(1, coverage.bound + 1)",
        "range(1, coverage.bound)",
        FINDS,
    ),
)


def passes(tests: Iterable[str], mutant: Mutant | None = None) -> bool:
    """Run these tests on a copy of the package, with a fault in it or without."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for part in ("glowback_trio", "tests"):
            shutil.copytree(ROOT / part, copy / part)
        shutil.copy(ROOT / "pyproject.toml", copy)
        if mutant is not None:
            _write(mutant, copy / mutant.file)
        # Some faults make a test loop for ever without a checkpoint; only a thread can end that.
        limits = ("--timeout=60", "--timeout-method=thread")
        command = [sys.executable, "-m", "pytest", "-x", "-q", *limits, *tests]
        environment = {**os.environ, "PYTHONPATH": folder}
        ended = subprocess.run(command, cwd=copy, env=environment, capture_output=True, check=False)
        return ended.returncode == 0


def _write(mutant: Mutant, file: Path) -> None:
    source = file.read_text()
    if source.count(mutant.sound) != 1:
        raise SystemExit(f"{mutant.name}: {mutant.file} has changed; adapt {Path(__file__).name}")
    file.write_text(source.replace(mutant.sound, mutant.faulty))


def main(word: str) -> int:
    """Try every mutant with this word in its name; return 1 if one survives."""
    mutants = [mutant for mutant in MUTANTS if word in mutant.name]
    if not passes(sorted({test for mutant in mutants for test in mutant.tests})):
        raise SystemExit("the tests fail without any fault, so nothing can be learned from them")
    survivors = 0
    for mutant in mutants:
        alive = passes(mutant.tests, mutant)
        survivors += alive
        print(f"{'SURVIVED' if alive else 'killed  '}  {mutant.name}", flush=True)
    print(f"{len(mutants) - survivors} of {len(mutants)} mutants killed")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(" ".join(sys.argv[1:])))
