"""driver.py ORACLE: makes and judges rooms, one a line.

Reads lines of JSON {"options": [arguments of gen.py]}; answers each with a line {"version", "lines", "synapse": {"events", "final"},
"spec": {...}, "seconds"} or {"error"}.
"""

import json
import sys
import time
import traceback

sys.path.insert(0, sys.argv[1])
import gen  # noqa: E402
import oracle  # noqa: E402


def answer(options):
    start = time.process_time()
    args = gen.parser().parse_args(options)
    lines = [json.dumps(pdu, ensure_ascii=False, separators=(",", ":")) for pdu in gen.Generator(args).run()]
    result = {"version": args.room_version, "lines": lines}
    for reading in ("synapse", "spec"):
        events = []
        pdus = [json.loads(line) for line in lines]
        final, _ = oracle.replay(pdus, args.room_version, reading, events.append, stats=False)
        del final["state"]
        result[reading] = {"events": events, "final": final}
    return {**result, "seconds": time.process_time() - start}


for request in sys.stdin:
    try:
        reply = answer(json.loads(request)["options"])
    except BaseException:  # also SystemExit: a bad option must not end the driver
        reply = {"error": traceback.format_exc()}
    sys.stdout.write(json.dumps(reply) + "\n")
    sys.stdout.flush()
