"""Messages: inbound ones from their frames, bounded in size and rate; outbound ones as frames."""

from __future__ import annotations

from attrs import define, field
from hypercorn.typing import WebsocketReceiveEvent
from wsproto.events import BytesMessage, Event, TextMessage

from glowback_trio.serving.app_runner import Message
from glowback_trio.serving.limits import Limits
from glowback_trio.serving.websocket.rate import Rate

__all__ = ["MessageBuffer", "frame_of"]


@define(eq=False)
class MessageBuffer:
    """The message that is coming in, and the rate at which messages have come."""

    _limits: Limits
    _rate: Rate = field(init=False)
    _parts: list[str | bytes | bytearray] = field(factory=list, init=False)
    _size: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        limits = self._limits
        self._rate = Rate(limits.websocket_messages_per_s, limits.websocket_bytes_per_s)

    def keeps_rate(self, event: Event) -> bool:
        """Count a frame; True if the client still keeps to the rate. Control frames count too."""
        if isinstance(event, TextMessage | BytesMessage):
            return self._rate.allows(size_of(event), messages=int(event.frame_finished))
        return self._rate.allows(0)

    def fits(self, event: TextMessage | BytesMessage) -> bool:
        """Return True if the message may have this part as well."""
        return self._size + size_of(event) <= self._limits.websocket_message_bytes

    def add(self, event: TextMessage | BytesMessage) -> WebsocketReceiveEvent | None:
        """Keep a part; return the message for the application once it is whole."""
        # Empty frames have no size, so that no bound would keep them from piling up.
        if event.data:
            self._parts.append(event.data)
            self._size += size_of(event)
        if not event.message_finished:
            return None
        parts, self._parts, self._size = self._parts, [], 0
        if isinstance(event, TextMessage):
            text = "".join(part for part in parts if isinstance(part, str))
            return {"type": "websocket.receive", "bytes": None, "text": text}
        data = b"".join(part for part in parts if not isinstance(part, str))
        return {"type": "websocket.receive", "bytes": data, "text": None}


def size_of(event: TextMessage | BytesMessage) -> int:
    """Return the bytes of a frame's payload, text as UTF-8."""
    if isinstance(event, TextMessage) and not event.data.isascii():
        return len(event.data.encode())
    return len(event.data)


def frame_of(message: Message) -> TextMessage | BytesMessage:
    """Return the frame of an application's message.

    Raises:
        TypeError: Its text is no string.
    """
    if message.get("bytes") is not None:
        return BytesMessage(data=bytes(message["bytes"]))
    if not isinstance(message["text"], str):
        raise TypeError(f"{message['text']!r} should be a str")
    return TextMessage(data=message["text"])
