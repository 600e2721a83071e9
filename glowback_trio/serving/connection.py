"""One connection: a reader with deadlines, writes that watch their progress, and one end."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import trio
from attrs import define, field

from glowback_trio.border import Border
from glowback_trio.serving.app_runner import AppRunner
from glowback_trio.serving.binding import address_of
from glowback_trio.serving.http.http1 import Http1
from glowback_trio.serving.ports import WireProtocol
from glowback_trio.serving.progress_stream import ProgressStream
from glowback_trio.serving.reading.socket_reader import SocketReader
from glowback_trio.serving.reading.stream_reader import Reader, StreamReader, receive
from glowback_trio.serving.records import Address, FaultRecord, Record, RequestFacts
from glowback_trio.serving.service import Service

__all__ = ["Connection"]


@define(eq=False)
class Connection:
    """The actor of one connection.

    Its one task is the reader, and only the reader closes the transport. All others, above all the
    application's tasks, mark the connection as ending (`end`, `abort`) and wake the reader. They do
    not wait, so that their own cancellation cannot leave the connection half closed.

    Attributes:
        client: Address of the peer; None where there is none.
        server: Address of this side.
        sent_bytes: Bytes given to the transport so far.
        sends: Number of writes so far.
        ending: True once nothing more is read or answered.
        leaving: True once the server shuts down, and this connection as soon as it is idle.
    """

    _service: Service
    _transport: ProgressStream
    #: Accepted beyond `limits.connections`, to be answered 503 and closed.
    _over_limit: bool = False
    client: Address = field(default=None, init=False)
    server: Address = field(default=None, init=False)
    sent_bytes: int = field(default=0, init=False)
    sends: int = field(default=0, init=False)
    ending: bool = field(default=False, init=False)
    leaving: bool = field(default=False, init=False)
    _aborted: bool = field(default=False, init=False)
    #: The client may still be sending: read on for a while before closing.
    _keeps_reading: bool = field(default=False, init=False)
    #: What `write_nowait` could not write.
    _unwritten: bytes = field(default=b"", init=False)
    _stream: trio.abc.Stream = field(init=False)
    _protocol: WireProtocol = field(init=False)
    #: Held by the write that is under way.
    _turn: trio.Lock = field(factory=trio.Lock, init=False)
    _reader: Reader = field(init=False)
    #: There is something to do for the reader besides reading.
    _woken: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._stream = self._transport
        self._reader = StreamReader(self._transport)

    async def run(self) -> None:
        """Serve the connection to its end. An error ends this connection only."""
        with Border(self._note_fault):
            try:
                await self._serve()
            finally:
                self._reader.close()

    def _note_fault(self, error: BaseException) -> None:
        # Where the peer is gone, that is how connections end.
        if not isinstance(error, OSError | trio.BrokenResourceError | trio.ClosedResourceError):
            self.fault(error)

    async def _serve(self) -> None:
        socket = getattr(self._transport.transport, "socket", None)
        if socket is not None:
            self.client = address_of(socket, socket.getpeername)
            self.server = address_of(socket, socket.getsockname)
        if self._service.tls is not None and not await self._encrypt():
            return
        self._reader = self._choose_reader()
        async with trio.open_nursery() as nursery:
            limits = self._service.limits
            runner = AppRunner(self._service.app, nursery, self.fault, limits.websocket_queue)
            http1 = Http1(self._service.http, self, runner)
            self._protocol = http1
            try:
                if self._over_limit:
                    await http1.reject(503, "there are too many connections")
                await self._read()
                await self._close()
            finally:
                self._protocol.finish()
            # The application's tasks have been notified; now they have until here to return.
            nursery.cancel_scope.deadline = trio.current_time() + limits.exit_timeout

    def _choose_reader(self) -> Reader:
        readiness, descriptor = self._service.readiness, self._transport.descriptor
        # What TLS has decrypted already, the kernel would not report.
        if readiness is None or descriptor is None or self._stream is not self._transport:
            return StreamReader(self._stream)
        return SocketReader(readiness, descriptor)

    async def _encrypt(self) -> bool:
        """Do the TLS handshake; True if it succeeded in time."""
        assert self._service.tls is not None
        stream = trio.SSLStream(
            self._transport, self._service.tls, server_side=True, https_compatible=True
        )
        self._stream = stream
        with trio.move_on_after(self._service.limits.tls_handshake_timeout):
            await stream.do_handshake()
            return True
        return False

    async def _read(self) -> None:
        while not self.ending:
            data = None if self._woken else await self._wait()
            if data:
                await self._protocol.receive(data)
            if data is None or self._woken:  # perhaps in the same step in which data came
                await self._react()
            elif not data:
                break

    async def _wait(self) -> bytes | None:
        """Wait for data; empty if the client has ended, None if something else is to be done."""
        protocol = self._protocol
        return await self._reader.wait(protocol.deadline(), saturated=protocol.saturated)

    async def _react(self) -> None:
        """Do what the reader was woken for."""
        self._woken = False
        if not self.ending:
            await self._protocol.resume()
        if not self.ending and trio.current_time() >= self._protocol.deadline():
            await self._protocol.expire()

    def wake(self) -> None:
        """Let the reader look again at what there is to do, and until when it may wait."""
        self._woken = True
        self._reader.wake()

    def wait_until(self, deadline: float) -> None:
        """Let the reader wait until another deadline, without waking it."""
        self._reader.wait_until(deadline)

    def switch_to(self, protocol: WireProtocol) -> None:
        """Speak another protocol from here on."""
        self._protocol = protocol

    async def write(self, data: bytes) -> None:
        """Write all, waiting for the peer; always a checkpoint. The loss of the peer is silent.

        Cancellation while it waits for the peer aborts the connection.
        """
        try:
            self._turn.acquire_nowait()
        except trio.WouldBlock:
            await self._turn.acquire()
        try:
            await self._write_whole(data)
        finally:
            self._turn.release()

    def write_nowait(self, data: bytes) -> bool:
        """Write what goes at once; True if that was all. The rest goes first with the next write.

        Raises:
            OSError: The peer is gone.
        """
        waits = self.ending or self.sending or self._unwritten
        written = 0 if waits else self._send_nowait(data)
        self.sends += 1
        self.sent_bytes += written
        self._unwritten += data[written:]
        return written == len(data)

    def write_soon(self, data: bytes) -> bool:
        """Do the same without raising: the application learns of a loss by its disconnect."""
        try:
            return self.write_nowait(data)
        except OSError:
            self.abort()
            return True

    async def _write_whole(self, data: bytes) -> None:
        if self._unwritten:
            data, self._unwritten = self._unwritten + data, b""
        if self.ending or not data:
            await trio.lowlevel.checkpoint()
            return
        await trio.lowlevel.checkpoint_if_cancelled()
        whole = False
        try:
            sent = self._send_nowait(data)
            if sent < len(data):
                await self._stream.send_all(data[sent:])
            else:
                await trio.lowlevel.cancel_shielded_checkpoint()
            whole = True
        except (OSError, trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the application learns of it by its disconnect, not by the send
        finally:
            # Half a frame cannot be taken back, so a write that was cancelled while it waited for
            # the peer cuts the connection. That is what makes a timeout around a send work.
            if not whole:
                self.abort()
        self.sends += 1
        self.sent_bytes += len(data)

    def _send_nowait(self, data: bytes) -> int:
        """Send what the transport takes at once, and return how many bytes that was.

        Through TLS nothing is sent: trio's SSL stream has no send that does not wait.
        """
        return self._transport.send_nowait(data) if self._stream is self._transport else 0

    @property
    def sending(self) -> bool:
        """True while a write is under way, which means that it waits for the peer."""
        return self._turn.locked()

    @property
    def moved_at(self) -> float:
        """When the peer last took bytes of a write that had to wait, on trio's clock."""
        return self._transport.moved_at

    def end(self) -> None:
        """End after what has been written; later writes go nowhere."""
        self.ending = True
        self.wake()

    def abort(self) -> None:
        """End at once, without regard for what has been written."""
        self._aborted = True
        self.end()

    def keep_reading(self) -> None:
        """Read on and drop it for a while before closing: the client may still be sending."""
        self._keeps_reading = True

    def shut_down(self) -> None:
        """End as soon as the request in flight is answered, or at once when there is none."""
        self.leaving = True
        self.wake()

    async def _close(self) -> None:
        """Close the transport: in order, unless it was aborted or a write is stuck."""
        await self._protocol.end()
        self._reader.close()
        if not self._aborted and (self._keeps_reading or self._protocol.unread):
            with trio.move_on_after(self._service.limits.close_timeout):
                async with self._turn:
                    await self._drop_unread()
        if self._aborted or self.sending:
            await trio.aclose_forcefully(self._stream)
            return
        with trio.move_on_after(self._service.limits.close_timeout):
            await self._stream.aclose()

    async def _drop_unread(self) -> None:
        """Send the end of the stream, then read to the client's end and drop it, within limits."""
        # A socket that is closed with unread bytes is reset, and a reset makes the client's kernel
        # drop the response that it has not read yet (RFC 9112, section 9.6).
        half = self._transport.transport
        if self._stream is self._transport and isinstance(half, trio.abc.HalfCloseableStream):
            with suppress(trio.BrokenResourceError):
                await half.send_eof()
        dropped = 0
        while dropped < self._service.limits.linger_bytes:
            data = await receive(self._stream)
            if not data:
                return
            dropped += len(data)

    def record(self, record: Record) -> None:
        """Hand a record to the server's owner."""
        self._service.record(record)

    def fault(self, error: BaseException, scope: dict[str, Any] | None = None) -> None:
        """Record an error that ended one request; without a scope, this connection."""
        where = "connection" if scope is None else "application"
        facts = RequestFacts(client=self.client) if scope is None else RequestFacts.of(scope)
        self._service.record(FaultRecord(where=where, error=error, facts=facts))
