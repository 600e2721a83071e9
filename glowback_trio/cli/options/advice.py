"""Advice on errors of a server, for users of the command line."""

from __future__ import annotations

from glowback_trio.errors import (
    GlowbackError,
    NotReadyError,
    ServerRefusedError,
    UnexpectedAnswerError,
    UnknownRunError,
    UnreachableError,
)
from glowback_trio.model.stream_protocol import CURSOR_AHEAD

__all__ = ["advice"]

_OTHER_SERVER = "name the server by --url or GLOWBACK_URL"


def advice(error: GlowbackError, url: str, *, has_key: bool) -> str | None:
    """Return what to do about an error; None if its own message says it.

    Args:
        error: Raised by a client.
        url: URL of the server.
        has_key: True if an API key was sent.
    """
    match error:
        case UnknownRunError(run_id=""):
            return "the id is empty: has `submit` or `curl` printed an error instead of one?"
        case UnknownRunError():
            return (
                f"it was deleted, or {url} no longer keeps it, as its --store and --keep options "
                "say: `glowback-trio list` shows what it has"
            )
        case NotReadyError():
            return "`glowback-trio watch` shows the run until it has ended"
        case UnreachableError():
            return _unreachable(str(error))
        case UnexpectedAnswerError():
            return f"is this the URL of a glowback-trio server? {_OTHER_SERVER}"
        case ServerRefusedError(status=status, retry_after=after):
            return _refused(status, after, has_key=has_key)
        case _:
            return None


def _unreachable(message: str) -> str:
    if "CERTIFICATE_VERIFY_FAILED" in message or "certificate verify failed" in message:
        return "to trust a certificate of your own, set SSL_CERT_FILE to its PEM file"
    if "SSL" in message or "TLS" in message:
        return "does the server use TLS? Without it, its URL begins with http://, not https://"
    if "without sending a response" in message:
        return "does the server use TLS? With it, its URL begins with https://, not http://"
    return f"is the server running? Start one by `glowback-trio serve`, or {_OTHER_SERVER}"


def _refused(status: int, retry_after: float | None, *, has_key: bool) -> str | None:
    match status:
        case 401 if has_key:
            return "--api-key or GLOWBACK_API_KEY should be one of the server's keys"
        case 401:
            return "give one of the server's keys by --api-key or GLOWBACK_API_KEY"
        case 400 | 403:
            return (
                "the server may serve other host names only, see its --allowed-hosts, or other "
                "origins, see its --cors-origins"
            )
        case 404:
            return f"is this the URL of a glowback-trio server? {_OTHER_SERVER}"
        case 413:
            return "shorten the request, or raise the server's --max-body-bytes"
        case CURSOR_AHEAD.code:
            return "--last-event-id should be the id of an event of this run; without it, all come"
        case 429 | 503 if retry_after is not None:
            return f"try again in {retry_after:.0f} s"
        case _:
            return None
