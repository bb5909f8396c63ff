"""Makes olm-vectors.json with the Python package vodozemac (0.10): real sessions, real messages, nothing edited.

Run once: python3 make-olm-vectors.py > olm-vectors.json. Keys are thrown away; only public values and messages are kept.
"""

import base64
import json
import sys

from vodozemac import Account, AnyOlmMessage, Curve25519PublicKey, GroupSession


def text(data):
    return base64.b64encode(data).decode().rstrip("=")


def of(index, message):
    return {"index": index, "ciphertext": message.to_base64(), "signature": message.signature().to_base64()}


def group(count, size):
    session = GroupSession()
    messages = []
    for index in range(count):
        message = session.encrypt(b"m" * (size + index))
        messages.append(of(index, message))
    return {"session_id": session.session_id, "messages": messages}


def megolm():
    # Indexes of one byte and of two, and a message of several thousand bytes.
    short, long = group(3, 1), group(1, 5000)
    session = GroupSession()
    for _ in range(300):
        last = session.encrypt(b"x")
    far = {"session_id": session.session_id, "messages": [of(299, last)]}
    return [short, long, far]


def copied_store():
    """A session whose store is copied: both go on from the same index."""
    session = GroupSession()
    session.encrypt(b"before")
    key = bytes(32)
    copy = GroupSession.from_pickle(session.pickle(key), key)
    return {
        "session_id": session.session_id,
        "a": session.encrypt(b"from the one").to_base64(),
        "b": copy.encrypt(b"from the other").to_base64(),
    }


def olm():
    bob = Account()
    bob.generate_one_time_keys(3)
    bob.generate_fallback_key()
    keys = [key.to_base64() for key in bob.one_time_keys.values()]
    fallback = next(iter(bob.fallback_key.values())).to_base64()
    def start(sender, one_time_key):
        session = sender.create_outbound_session(bob.curve25519_key, Curve25519PublicKey.from_base64(one_time_key))
        kind, body = session.encrypt(b"hello").to_parts()
        return session, {"type": kind, "body": text(body), "sender_key": sender.curve25519_key.to_base64(), "one_time_key": one_time_key}

    alice, carol = Account(), Account()
    session, first = start(alice, keys[0])
    _, again = session.encrypt(b"second").to_parts()
    other = [start(alice, keys[1])[1], start(alice, keys[2])[1]]
    reissued = start(carol, keys[0])[1]
    on_fallback = [start(alice, fallback)[1], start(carol, fallback)[1]]
    # Bob answers, so that there is a message of type 1 as well.
    body = base64.b64decode(first["body"] + "=" * (-len(first["body"]) % 4))
    inbound, _ = bob.create_inbound_session(alice.curve25519_key, AnyOlmMessage.from_parts(0, body).to_pre_key())
    reply_kind, reply = inbound.encrypt(b"reply").to_parts()
    return {
        "curve25519": bob.curve25519_key.to_base64(),
        "fallback": fallback,
        "one_time_keys": keys,
        "first": first,
        "second_of_first": {"type": 0, "body": text(again)},
        "other_sessions_of_alice": other,
        "reissued_to_carol": reissued,
        "on_fallback": on_fallback,
        "reply": {"type": reply_kind, "body": text(reply)},
    }


json.dump({"megolm": megolm(), "copied_store": copied_store(), "olm": olm()}, sys.stdout, indent=1)
print()
