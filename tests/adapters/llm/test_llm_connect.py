"""Connecting has a limit of its own, inside that of the call."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.adapters.llm.llm_calls import LIBRARY_WARNINGS, MakeClient, ask

pytestmark = LIBRARY_WARNINGS


def sockets() -> int:
    """Of this process (Linux)."""
    links = [entry for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()]
    return sum(str(entry.readlink()).startswith("socket:") for entry in links)


async def test_a_handshake_that_stalls_leaves_no_socket(make_client: MakeClient) -> None:
    """A cancelled handshake would: so connecting gives up a little before the call is ended."""

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(-1)
        writer.close()

    async with await asyncio.start_server(mute, "127.0.0.1", 0) as server:
        client = make_client(api_base=f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", call_limit_s=0.4)
        await client.warm()
        before = sockets()
        for _ in range(2):
            assert (await ask(client, deadline_ms=0)).outcome == "provider_error"
        for _ in range(100):
            if sockets() <= before:
                break
            await asyncio.sleep(0.01)
        assert sockets() <= before
