"""A person with an encrypted client (matrix-nio) who talks to a bot, for the live tests: one JSON object a line in, one out."""
import asyncio
import json
import sys
import tempfile

from nio import AsyncClient, AsyncClientConfig, RoomMessageNotice
from nio.store import SqliteStore

PATIENCE = 30


class Talker:
    def __init__(self, a):
        self.folder = tempfile.TemporaryDirectory(prefix="matrix-state-talker-")
        config = AsyncClientConfig(store=SqliteStore, store_sync_tokens=False)
        self.client = AsyncClient(a["homeserver"], a["user_id"], a["device_id"], self.folder.name, config)
        self.client.restore_login(a["user_id"], a["device_id"], a["token"])
        self.heard = []
        self.client.add_event_callback(self.hear, RoomMessageNotice)

    async def hear(self, room, event):
        self.heard.append((room.room_id, event))

    async def step(self):
        """One sync, and what it makes due."""
        client = self.client
        await client.sync(timeout=1000)
        await client.send_to_device_messages()
        if client.should_upload_keys:
            await client.keys_upload()
        if client.should_query_keys:
            await client.keys_query()

    async def until(self, what, true):
        for _ in range(PATIENCE):
            if true():
                return
            await self.step()
        raise RuntimeError(f"not in time: {what}")

    async def room(self, a):
        """An encrypted room with the bot in it."""
        encryption = {"type": "m.room.encryption", "state_key": "", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}
        made = await self.client.room_create(invite=[a["bot"]], initial_state=[encryption])
        room_id = made.room_id
        await self.until(
            "the bot's joining",
            lambda: room_id in self.client.rooms
            and a["bot"] in self.client.rooms[room_id].users
            and a["bot"] not in self.client.rooms[room_id].invited_users,
        )
        return room_id

    async def tell(self, a):
        """Sends a message, encrypted. @returns its event ID"""
        content = {"msgtype": "m.text", "body": a["text"]}
        sent = await self.client.room_send(a["room"], "m.room.message", content, ignore_unverified_devices=True)
        return sent.event_id

    async def ask(self, a):
        """Sends `!ping TEXT`, and waits for the answer. @returns whether it came encrypted"""
        await self.step()
        await self.tell({**a, "text": "!ping " + a["text"]})

        def answers():
            return [e for r, e in self.heard if r == a["room"] and e.body == "pong " + a["text"]]

        await self.until(f"the answer to {a['text']}", answers)
        return {"decrypted": answers()[0].decrypted, "sender": answers()[0].sender}


async def main():
    loop = asyncio.get_running_loop()
    talker = None
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        a = json.loads(line)
        try:
            if a["do"] == "start":
                talker = Talker(a)
                await talker.step()
                answer = {"ok": None}
            else:
                answer = {"ok": await getattr(talker, a["do"])(a)}
        except Exception as error:  # told to the test, which decides
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)
    if talker is not None:
        await talker.client.close()
        talker.folder.cleanup()


asyncio.run(main())
