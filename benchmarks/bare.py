"""Send framed bytes to many sockets in one loop of non-blocking sends: a limit for any server.

    python benchmarks/bare.py

It accepts any WebSocket handshake and answers the two requests in which the peer receives what to
send. It prints the same line as `glowback-trio serve`.
"""

from __future__ import annotations

import json
import socket

_SWITCH = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)
_DONE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


def frame(text: bytes) -> bytes:
    """Frame a text message of less than 64 KiB as a server does."""
    size = len(text)
    head = bytes([size]) if size < 126 else b"\x7e" + size.to_bytes(2, "big")
    return b"\x81" + head + text


def read(client: socket.socket) -> tuple[bytes, bytes]:
    """Read one request: its head, and its body if it has one."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += client.recv(1 << 16)
    head, _, body = data.partition(b"\r\n\r\n")
    _, _, length = head.lower().partition(b"content-length: ")
    while length and len(body) < int(length.split()[0]):
        body += client.recv(1 << 20)
    return head, body


def main() -> None:
    """Serve one client at a time, until the process is killed."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    followers: list[socket.socket] = []
    frames: list[bytes] = []
    while True:
        client, _address = listener.accept()
        head, body = read(client)
        if b"upgrade: websocket" in head.lower():
            client.sendall(_SWITCH)
            client.setblocking(False)  # noqa: FBT003 - the signature is the library's
            followers.append(client)
            continue
        client.sendall(_DONE)
        if head.startswith(b"POST /events "):
            frames = [frame(event.encode()) for event in json.loads(body)]
        elif head.startswith(b"POST /publish "):
            publish(followers, frames)
        client.close()


def publish(followers: list[socket.socket], frames: list[bytes]) -> None:
    """Send every frame to every client, then close."""
    for each in frames:
        for follower in followers:
            follower.send(each)
    for follower in followers:
        follower.close()
    followers.clear()


if __name__ == "__main__":
    main()
