"""A small encrypted bot on matrix-nio that follows the setup pattern (docs/bots.md): it answers `!ping …` with `pong …`.

    bot.py setup   logs in, makes the store and publishes the device's keys; refuses (6) when there is anything of it already
    bot.py run     opens the store, or refuses (5): it never makes one
    bot.py check   ends with 0 when the store opens, and prints the device's ed25519 key; writes nothing
    bot.py careless-run   what bots do that do not follow the pattern: no look at the store. For tests of what comes of it

All it needs is in the environment: BOT_DATA (a folder: `store/`, `access-token`), BOT_HOMESERVER, and for setup BOT_USER,
BOT_DEVICE_ID (made up when absent) and BOT_PASSWORD_FILE (asked for on a terminal when absent).
"""
import asyncio
import getpass
import json
import os
import secrets
import signal
import sqlite3
import sys
from pathlib import Path

from nio import AsyncClient, AsyncClientConfig, InviteMemberEvent, LoginError, MegolmEvent, RoomMessageText, SyncError
from nio.crypto import OlmAccount
from nio.store import SqliteStore

ABSENT, EXISTS, REFUSED = 5, 6, 4

data = Path(os.environ.get("BOT_DATA", "/data"))
store, token_file = data / "store", data / "access-token"
database, account_file, check_file = store / "crypto.db", store / "account.json", store / "ed25519"


def stop(code, message):
    print(f"bot: {message}", file=sys.stderr)
    sys.exit(code)


def say(**what):
    print(json.dumps(what), flush=True)


def write_new(path, text):
    """Never over something, and readable by its owner alone."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def new_client(account):
    config = AsyncClientConfig(
        store=SqliteStore, store_name=database.name, pickle_key=account["pickle_key"], store_sync_tokens=True
    )
    return AsyncClient(homeserver(), account["user_id"], account["device_id"], str(store), config)


def homeserver():
    return os.environ.get("BOT_HOMESERVER") or stop(2, "BOT_HOMESERVER is not set")


async def setup():
    there = [str(path) for path in (store, token_file) if path.exists()]
    if there:
        stop(EXISTS, f"there is a bot already ({', '.join(there)}); nothing was changed")
    user = os.environ.get("BOT_USER") or stop(2, "BOT_USER is not set")
    password_file = os.environ.get("BOT_PASSWORD_FILE")
    password = Path(password_file).read_text().strip() if password_file else getpass.getpass(f"Password of {user}: ")
    device_id = os.environ.get("BOT_DEVICE_ID") or "BOT" + secrets.token_hex(4).upper()
    account = {"user_id": user, "device_id": device_id, "pickle_key": secrets.token_urlsafe(32)}
    store.mkdir(mode=0o700)
    client = new_client(account)
    try:
        os.close(os.open(database, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        answer = await client.login(password, device_name="bot")
        if isinstance(answer, LoginError):
            raise RuntimeError(f"login refused: {answer.message}")
        await client.keys_upload()
        if not client.olm.account.shared:
            raise RuntimeError("the server did not take the device's keys")
        write_new(account_file, json.dumps({**account, "user_id": client.user_id}))
        write_new(check_file, client.olm.account.identity_keys["ed25519"] + "\n")
        write_new(token_file, client.access_token + "\n")
    except BaseException as error:
        if client.access_token:
            await client.logout()
        for path in (token_file, *store.iterdir()):
            path.unlink(missing_ok=True)
        store.rmdir()
        await client.close()
        stop(REFUSED, error)
    say(done="setup", user_id=client.user_id, device_id=client.device_id)
    await client.close()


def open_store():
    """What `setup` made, with the store opened read-only and its account unpickled; or the end. @returns account, ed25519 key"""
    try:
        account = json.loads(account_file.read_text())
        # matrix-nio opens or creates: an absent file would become a new identity under the same device ID.
        connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
        who = (account["user_id"], account["device_id"])
        row = connection.execute(
            "SELECT account, shared FROM accounts WHERE user_id = ? AND device_id = ?", who
        ).fetchone()
        connection.close()
        if row is None:
            raise ValueError(f"no keys of {who[0]} {who[1]} in {database}")
        keys = OlmAccount.from_pickle(bytes(row[0]), account["pickle_key"], bool(row[1])).identity_keys
        if check_file.exists() and check_file.read_text().strip() != keys["ed25519"]:
            raise ValueError(f"its key is {keys['ed25519']}, that of {check_file} is another: a store of another device")
        return account, keys["ed25519"]
    except Exception as error:
        stop(ABSENT, f"the store cannot be opened ({error}); restore it: a new one would be another device to everybody")


async def run(careless=False):
    if careless:
        account = json.loads(os.environ["BOT_ACCOUNT"])
        store.mkdir(mode=0o700, exist_ok=True)
    else:
        account, _ = open_store()
    client = new_client(account)
    client.restore_login(account["user_id"], account["device_id"], token_file.read_text().strip())
    # Here for what `preflight` can see before the next start.
    check_file.write_text(client.olm.account.identity_keys["ed25519"] + "\n")

    async def invited(room, event):
        if event.state_key == client.user_id and event.membership == "invite":
            await client.join(room.room_id)
            say(joined=room.room_id)

    async def message(room, event):
        if event.sender == client.user_id or not event.body.startswith("!ping "):
            return
        content = {"msgtype": "m.notice", "body": "pong " + event.body.removeprefix("!ping ")}
        await client.room_send(room.room_id, "m.room.message", content, ignore_unverified_devices=True)
        say(answered=event.event_id, decrypted=event.decrypted)

    async def undecryptable(_room, event):
        say(undecryptable=event.event_id)

    async def sync_failed(answer):
        if answer.status_code == "M_UNKNOWN_TOKEN":
            stop(REFUSED, "the server refuses the access token")

    client.add_event_callback(invited, InviteMemberEvent)
    client.add_event_callback(message, RoomMessageText)
    client.add_event_callback(undecryptable, MegolmEvent)
    client.add_response_callback(sync_failed, SyncError)
    if client.should_upload_keys:
        await client.keys_upload()
    say(running=account["device_id"], ed25519=client.olm.account.identity_keys["ed25519"])
    syncing = asyncio.ensure_future(
        client.sync_forever(timeout=30_000, since=client.loaded_sync_token or None, full_state=True)
    )
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, syncing.cancel)
    try:
        await syncing
    except asyncio.CancelledError:
        pass
    finally:
        await client.close()


def main():
    what = sys.argv[1:]
    if what == ["setup"]:
        asyncio.run(setup())
    elif what == ["run"]:
        asyncio.run(run())
    elif what == ["careless-run"]:
        asyncio.run(run(careless=True))
    elif what == ["check"]:
        print(open_store()[1])
    else:
        stop(2, "setup, run or check")


main()
