"""Olm and Megolm for the live tests: one JSON object a line in, one out. Nothing is kept between runs but what is pickled."""
import json
import sys

import vodozemac as v

KEY = b"0" * 32
accounts = {}
sessions = {}
groups = {}


def do(a):
    what = a["do"]
    if what == "account":
        accounts[a["account"]] = v.Account()
        return keys(accounts[a["account"]])
    if what == "keys":
        return keys(accounts[a["account"]])
    if what == "pickle-account":
        return accounts[a["account"]].pickle(KEY)
    if what == "unpickle-account":
        accounts[a["account"]] = v.Account.from_pickle(a["pickle"], KEY)
        return keys(accounts[a["account"]])
    if what == "sign":
        return accounts[a["account"]].sign(a["text"].encode()).to_base64()
    if what == "one-time-keys":
        account = accounts[a["account"]]
        account.generate_one_time_keys(a["count"])
        made = {name: key.to_base64() for name, key in account.one_time_keys.items()}
        account.mark_keys_as_published()
        return made
    if what == "fallback-key":
        account = accounts[a["account"]]
        account.generate_fallback_key()
        made = {name: key.to_base64() for name, key in account.fallback_key.items()}
        account.mark_keys_as_published()
        return made
    if what == "session":
        theirs = v.Curve25519PublicKey.from_base64(a["curve25519"])
        one_time = v.Curve25519PublicKey.from_base64(a["one_time_key"])
        sessions[a["session"]] = accounts[a["account"]].create_outbound_session(theirs, one_time)
        return None
    if what == "encrypt":
        kind, body = sessions[a["session"]].encrypt(a["text"].encode()).to_parts()
        return {"type": kind, "body": text(body)}
    if what == "group":
        groups[a["group"]] = v.GroupSession()
        return groups[a["group"]].session_id
    if what == "group-encrypt":
        group = groups[a["group"]]
        return {"session_id": group.session_id, "ciphertext": group.encrypt(a["text"].encode()).to_base64()}
    if what == "pickle-group":
        return groups[a["group"]].pickle(KEY)
    if what == "unpickle-group":
        groups[a["group"]] = v.GroupSession.from_pickle(a["pickle"], KEY)
        return groups[a["group"]].session_id
    raise ValueError(f"unknown: {what}")


def keys(account):
    return {"ed25519": account.ed25519_key.to_base64(), "curve25519": account.curve25519_key.to_base64()}


def text(body):
    """Messages are bytes in vodozemac, unpadded base64 in Matrix."""
    if isinstance(body, str):
        return body
    import base64

    return base64.b64encode(body).decode().rstrip("=")


for line in sys.stdin:
    try:
        answer = {"ok": do(json.loads(line))}
    except Exception as error:  # told to the test, which decides
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
