"""permessage-deflate (RFC 7692) without memory between messages, and safe against bombs.

Without context takeover each message is compressed by itself: no window is kept for a client, and
a message that was cancelled before it was sent leaves the next one readable. Inflation stops at the
limit of a message, before anything beyond the limit is in memory.
"""

from __future__ import annotations

import re
import zlib

from wsproto.extensions import Extension
from wsproto.frame_protocol import CloseReason, FrameDecoder, FrameProtocol, Opcode, RsvBits

__all__ = ["Deflate"]

# A shorter message grows, or hardly shrinks, when it is compressed by itself.
WORTHWHILE_BYTES = 200

# A sender cuts these bytes off the end of each message (RFC 7692, section 7.2.1).
TAIL = b"\x00\x00\xff\xff"

FLAGS = {"server_no_context_takeover", "client_no_context_takeover", "client_max_window_bits"}
# zlib cannot make raw deflate with a window of 8 bits.
SERVER_BITS = re.compile(r"server_max_window_bits=\"?(9|1[0-5])\"?")
CLIENT_BITS = re.compile(r"client_max_window_bits=\"?([89]|1[0-5])\"?")


class Deflate(Extension):
    """One WebSocket's compression, as an extension that wsproto calls frame by frame."""

    name = "permessage-deflate"

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._enabled = False
        self._bits = zlib.MAX_WBITS
        #: Inflates the message that is coming in; None when it is not compressed.
        self._inflater: zlib._Decompress | None = None
        self._inflated = 0
        self._is_control = False

    def enabled(self) -> bool:
        """Return True if it was negotiated."""
        return self._enabled

    def offer(self) -> bool:
        """Return False: only clients offer extensions."""
        return False

    def accept(self, offer: str) -> bool | str | None:
        """Return the answer to a client's offer; None when the offer must be declined."""
        parameters = [part.strip() for part in offer.split(";")[1:]]
        names = [part.partition("=")[0] for part in parameters]
        known = all(
            part in FLAGS or SERVER_BITS.fullmatch(part) or CLIENT_BITS.fullmatch(part)
            for part in parameters
        )
        if self._enabled or not known or len(set(names)) < len(names):
            return None
        answer = ["server_no_context_takeover", "client_no_context_takeover"]
        for match in filter(None, map(SERVER_BITS.fullmatch, parameters)):
            self._bits = int(match[1])
            answer.append(f"server_max_window_bits={self._bits}")
        self._enabled = True
        return "; ".join(answer)

    def frame_inbound_header(
        self, proto: FrameDecoder | FrameProtocol, opcode: Opcode, rsv: RsvBits, payload_length: int
    ) -> CloseReason | RsvBits:
        """Take a frame's header: the first of a message says whether it is compressed."""
        del proto, payload_length
        self._is_control = opcode.iscontrol()
        if rsv.rsv1 and opcode not in {Opcode.TEXT, Opcode.BINARY}:
            return CloseReason.PROTOCOL_ERROR
        if rsv.rsv1:
            self._inflater, self._inflated = zlib.decompressobj(-zlib.MAX_WBITS), 0
        return RsvBits(rsv1=True, rsv2=False, rsv3=False)

    def frame_inbound_payload_data(
        self, proto: FrameDecoder | FrameProtocol, data: bytes
    ) -> bytes | CloseReason:
        """Inflate the bytes that have come of a frame, or return why that is impossible."""
        del proto
        return data if self._is_control or self._inflater is None else self._inflate(data)

    def frame_inbound_complete(
        self,
        proto: FrameDecoder | FrameProtocol,
        fin: bool,  # noqa: FBT001 - the signature is wsproto's
    ) -> bytes | CloseReason | None:
        """Inflate the rest of a message at its last frame."""
        del proto
        if self._is_control or not fin or self._inflater is None:
            return None
        rest = self._inflate(TAIL)
        self._inflater = None
        return rest

    def _inflate(self, data: bytes) -> bytes | CloseReason:
        assert self._inflater is not None
        # One byte over the limit shows that a message is too long; nothing beyond it is inflated.
        room = self._limit - self._inflated + 1
        try:
            inflated = self._inflater.decompress(data, room)
        except zlib.error:
            return CloseReason.INVALID_FRAME_PAYLOAD_DATA
        self._inflated += len(inflated)
        return inflated if self._inflated <= self._limit else CloseReason.MESSAGE_TOO_BIG

    def frame_outbound(
        self,
        proto: FrameDecoder | FrameProtocol,
        opcode: Opcode,
        rsv: RsvBits,
        data: bytes,
        fin: bool,  # noqa: FBT001 - the signature is wsproto's
    ) -> tuple[RsvBits, bytes]:
        """Compress a whole message if that is worth it; this server sends no fragments."""
        del proto
        if opcode.iscontrol() or not fin or len(data) < WORTHWHILE_BYTES:
            return rsv, data
        deflater = zlib.compressobj(wbits=-self._bits)
        whole = deflater.compress(bytes(data)) + deflater.flush(zlib.Z_SYNC_FLUSH)
        return RsvBits(rsv1=True, rsv2=rsv.rsv2, rsv3=rsv.rsv3), whole.removesuffix(TAIL)
