"""Why a delivery did not arrive, as people say it: a sentence, and what to do."""

from __future__ import annotations

import errno
import http.client
import ssl

from waystation.outward import Target

_NO_WAY = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN)
_OTHERS = {
    401: "Its answer asks for a login: let it know deliveries by their signature instead.",
    403: "It turns deliveries away: let it know them by their signature.",
    404: "Look at the path of the address.",
    405: "Look at the path of the address: what is there takes no POST.",
    410: "Look at the path of the address: what was there is gone.",
    413: "Let it take bodies of some kilobytes.",
    429: "It is told too much for it: ask for fewer kinds or states.",
}


def not_sent(error: OSError | http.client.HTTPException, target: Target, seconds: float) -> str:
    """Why no answer came from `target`, which had so many seconds for it."""
    place = f"{target.host}, port {target.port}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"The certificate of {place} does not hold: {error.verify_message}. Renew it, or use the name that it is for."
    if isinstance(error, ssl.SSLError):
        return f"What answers at {place} does not speak TLS as https needs it. Look at the port, or use http."
    if isinstance(error, TimeoutError):
        return f"{place} did not answer within {seconds:.0f} seconds. Let the receiver answer first and do its work afterwards."
    if isinstance(error, ConnectionRefusedError):
        return f"Nobody listens at {place}. Start the receiver, or mend the port of the address."
    if isinstance(error, ConnectionError):
        return f"{place} broke the connection before it had answered. The receiver's own log says why."
    if isinstance(error, http.client.HTTPException):
        return f"What came back from {place} is no answer of HTTP. Look at the port of the address."
    if error.errno in _NO_WAY:
        return f"No way leads from this server to {place}. Look at the network, and at firewalls between the two."
    return f"{place} can't be reached: {error.strerror or error}."


def not_taken(status: int, said: str) -> str:
    """Why an answer does not count as taken; `said`: its first words."""
    answered = f"It answered {status}{f' ({said})' if said else ''}."
    if 300 <= status < 400:
        return f"{answered} Redirects are not followed: name the address that it leads to."
    if status >= 500:
        return f"{answered} The receiver's own log says why."
    return f"{answered} {_OTHERS.get(status, 'Any 2xx says that it was taken.')}"
