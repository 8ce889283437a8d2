"""Reading a stream of lines that a server keeps open, such as server-sent events."""

from __future__ import annotations

from collections.abc import AsyncIterator

from agentdesk.connectors.answers import Answer, describe, failure
from agentdesk.connectors.body import raw
from agentdesk.connectors.http import Http
from agentdesk.errors import Unavailable

LONGEST = 1024 * 1024


async def lines(http: Http, path: str, *, quiet_s: float) -> AsyncIterator[bytes]:
    """Yield lines until the server ends the stream; Unavailable when it breaks or is silent for ``quiet_s`` seconds.

    The token goes to the origin that ``http`` was made for, and redirects are not followed.
    """
    import httpx

    request, client = await http.stream_request(path, quiet_s)
    rest = b""
    try:
        response = await client.send(request, stream=True, follow_redirects=False)
        try:
            if not response.is_success:
                told = {name.lower(): value for name, value in response.headers.items()}
                answer = Answer(status=response.status_code, headers=told, body=b"", url=str(request.url))
                raise failure(answer, name=http.name, host=http.host, safe=True, now=http.clock.now())
            async for chunk in raw(response):
                *whole, rest = (rest + chunk).split(b"\n")
                for line in whole:
                    yield line
                if len(rest) > LONGEST:
                    raise Unavailable(f"{http.name}: {http.host} sends a line without end",
                                      remedy="It is asked again by itself")
        finally:
            await response.aclose()
    except httpx.HTTPError as error:
        raise Unavailable(f"{http.name}: the line to {http.host} broke", describe(error),
                          "It is opened again by itself") from error
