"""A person whose Matrix client is python-nio: commands as JSON lines on stdin, events and answers on stdout.

Arguments: the homeserver's URL, user, device, access token, and a folder for the keys.
"""

import asyncio
import json
import logging
import os
import signal
import sys

from nio import AsyncClient, AsyncClientConfig, Event, MegolmEvent, SyncResponse
from nio.crypto import ENCRYPTION_ENABLED
from nio.responses import ErrorResponse

SYNC_MILLISECONDS = 10_000


def tell(**line):
    print(json.dumps(line), flush=True)


async def main(url, user, device, token, folder):
    if not ENCRYPTION_ENABLED:
        sys.exit("python3-olm is missing")
    logging.disable()
    # The first process of a namespace gets no signal that it does not handle.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, os._exit, 0)
    config = AsyncClientConfig(encryption_enabled=True, request_timeout=60)
    client = AsyncClient(url, user, device_id=device, store_path=folder, config=config)
    client.restore_login(user, device, token)

    async def on_event(room, event: Event):
        source = event.source
        tell(
            what="event",
            room=room.room_id,
            sender=event.sender,
            event_id=event.event_id,
            type=source.get("type"),
            body=source.get("content", {}).get("body"),
            content=source.get("content", {}),
            encrypted=event.decrypted or isinstance(event, MegolmEvent),
        )

    client.add_event_callback(on_event, Event)

    async def on_first_sync(_response):
        client.response_callbacks.clear()
        if client.should_upload_keys:
            check(await client.keys_upload())
        tell(what="ready")

    client.add_response_callback(on_first_sync, SyncResponse)

    async def join(room):
        check(await client.join(room))
        # Until a sync has brought it, the client knows neither its members nor that it is encrypted.
        while room not in client.rooms:
            await asyncio.sleep(0.02)
        return room

    async def say(room, text, more):
        # A sync tells whose devices changed, and its long poll would let this message leave before they are asked for.
        if client.should_query_keys:
            check(await client.keys_query())
        content = {"msgtype": "m.text", "body": text, **more}
        sent = await client.room_send(room, "m.room.message", content, ignore_unverified_devices=True)
        return check(sent).event_id

    async def members(room):
        """Who has joined, as this client knows it."""
        return sorted(client.rooms[room].users) if room in client.rooms else []

    async def carry_out(command):
        number = command.pop("number")
        action = {"join": join, "say": say, "members": members}[command.pop("do")]
        try:
            tell(what="answer", number=number, result=await action(**command))
        except Exception as error:
            tell(what="answer", number=number, error=f"{type(error).__name__}: {error}")

    sync = asyncio.create_task(client.sync_forever(timeout=SYNC_MILLISECONDS, full_state=True))
    reader = asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    commands = asyncio.create_task(read_commands(reader, carry_out))
    done, _ = await asyncio.wait([sync, commands], return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()
    await client.close()


async def read_commands(reader, carry_out):
    """One after the other, so that messages leave in their order."""
    while line := await reader.readline():
        await carry_out(json.loads(line))


def check(response):
    if isinstance(response, ErrorResponse):
        raise RuntimeError(str(response))
    return response


asyncio.run(main(*sys.argv[1:]))
