/** `MtxC`, in the header of every case file (SQLite's `application_id`). */
export const APPLICATION_ID = 0x4d747843

/**
 * Statements that lead from one version of the schema to the next; the version is `PRAGMA user_version`. What has once been released is
 * never changed: a new need is a new entry. ARCHITECTURE.md has the tables with their meaning.
 *
 * Times are milliseconds since 1970 by this machine's clock. 0 in a column that names an event, and -1 in one that names a state group,
 * mean none (`NULL`s would be different from each other in a unique index).
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

  CREATE TABLE source (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, server TEXT NOT NULL, address TEXT NOT NULL,
    insecure INTEGER NOT NULL, first_ts INTEGER, last_ts INTEGER, requests INTEGER NOT NULL DEFAULT 0, unknowable TEXT NOT NULL
  );
  CREATE TABLE mark (source INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (source, name)) WITHOUT ROWID;
  CREATE TABLE how (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);

  CREATE TABLE event (
    id INTEGER PRIMARY KEY, event_id TEXT NOT NULL UNIQUE, held INTEGER NOT NULL DEFAULT 0, elsewhere INTEGER NOT NULL DEFAULT 0,
    type TEXT, sender TEXT, state_key TEXT, depth INTEGER, origin_server_ts INTEGER
  );
  CREATE INDEX event_absent ON event (id) WHERE held = 0;
  CREATE INDEX event_slot ON event (type, state_key) WHERE state_key IS NOT NULL;
  CREATE TABLE edge (child INTEGER NOT NULL, auth INTEGER NOT NULL, parent INTEGER NOT NULL, PRIMARY KEY (child, auth, parent)) WITHOUT ROWID;
  CREATE INDEX edge_parent ON edge (parent, auth, child);
  CREATE TABLE copy (id INTEGER PRIMARY KEY AUTOINCREMENT, event INTEGER NOT NULL, sha256 BLOB NOT NULL, text TEXT NOT NULL);
  CREATE UNIQUE INDEX copy_form ON copy (event, sha256);
  CREATE TABLE sighting (
    copy INTEGER NOT NULL, source INTEGER NOT NULL, how INTEGER NOT NULL, marks TEXT NOT NULL, claimed TEXT NOT NULL, ts INTEGER NOT NULL,
    PRIMARY KEY (copy, source, how, marks, claimed)
  ) WITHOUT ROWID;
  CREATE TABLE unnamed (
    id INTEGER PRIMARY KEY AUTOINCREMENT, sha256 BLOB NOT NULL, source INTEGER NOT NULL, how INTEGER NOT NULL, marks TEXT NOT NULL,
    claimed TEXT NOT NULL, ts INTEGER NOT NULL, text TEXT NOT NULL
  );
  CREATE UNIQUE INDEX unnamed_once ON unnamed (sha256, source, how, marks, claimed);
  CREATE TABLE unreadable (
    id INTEGER PRIMARY KEY, sha256 BLOB NOT NULL, source INTEGER NOT NULL, how INTEGER NOT NULL, marks TEXT NOT NULL,
    claimed TEXT NOT NULL, ts INTEGER NOT NULL, reason TEXT NOT NULL, text TEXT NOT NULL
  );
  CREATE UNIQUE INDEX unreadable_once ON unreadable (sha256, source, how, marks, claimed);

  CREATE TABLE slot (id INTEGER PRIMARY KEY, event INTEGER NOT NULL, type TEXT, state_key TEXT);
  CREATE INDEX slot_event ON slot (event);
  CREATE TABLE slot_list (id INTEGER PRIMARY KEY, sha256 BLOB NOT NULL UNIQUE, slots TEXT NOT NULL);
  CREATE TABLE reported_state (
    id INTEGER PRIMARY KEY AUTOINCREMENT, source INTEGER NOT NULL, what TEXT NOT NULL, event INTEGER NOT NULL, how INTEGER NOT NULL,
    slots INTEGER NOT NULL, ts INTEGER NOT NULL, last_ts INTEGER NOT NULL
  );
  CREATE INDEX reported_state_key ON reported_state (source, what, event, how);
  CREATE TABLE reported_extremities (
    id INTEGER PRIMARY KEY AUTOINCREMENT, source INTEGER NOT NULL, direction TEXT NOT NULL, how INTEGER NOT NULL,
    events TEXT NOT NULL, ts INTEGER NOT NULL, last_ts INTEGER NOT NULL
  );
  CREATE INDEX reported_extremities_key ON reported_extremities (source, direction, how);
  CREATE TABLE note (
    source INTEGER NOT NULL, text TEXT NOT NULL, ts INTEGER NOT NULL, last_ts INTEGER NOT NULL, PRIMARY KEY (source, text)
  ) WITHOUT ROWID;
  CREATE TABLE refusal (
    source INTEGER NOT NULL, what TEXT NOT NULL, event INTEGER NOT NULL, outcome TEXT NOT NULL, status INTEGER, message TEXT NOT NULL,
    ts INTEGER NOT NULL, PRIMARY KEY (source, what, event)
  ) WITHOUT ROWID;

  CREATE TABLE state_group (
    source INTEGER NOT NULL, grp INTEGER NOT NULL, base INTEGER NOT NULL, slots INTEGER NOT NULL, ts INTEGER NOT NULL,
    PRIMARY KEY (source, grp, base, slots)
  ) WITHOUT ROWID;
  CREATE TABLE event_state_group (
    source INTEGER NOT NULL, event INTEGER NOT NULL, before INTEGER NOT NULL, after INTEGER NOT NULL, ts INTEGER NOT NULL,
    PRIMARY KEY (source, event, before, after)
  ) WITHOUT ROWID;
  CREATE TABLE current_state_change (
    source INTEGER NOT NULL, stream_id INTEGER NOT NULL, type TEXT NOT NULL, state_key TEXT NOT NULL, event INTEGER NOT NULL,
    prev_event INTEGER NOT NULL, PRIMARY KEY (source, stream_id, type, state_key, event, prev_event)
  ) WITHOUT ROWID;

  CREATE TABLE server_key (
    server TEXT NOT NULL, key_id TEXT NOT NULL, key TEXT NOT NULL, valid_until_ts INTEGER NOT NULL, expired_ts INTEGER NOT NULL,
    via TEXT NOT NULL, fetched_ts INTEGER NOT NULL, PRIMARY KEY (server, key_id, key, valid_until_ts, expired_ts, via)
  ) WITHOUT ROWID;
  CREATE TABLE alias (alias TEXT PRIMARY KEY) WITHOUT ROWID;
  CREATE TABLE limits (ts INTEGER NOT NULL, what TEXT NOT NULL, PRIMARY KEY (ts, what)) WITHOUT ROWID;
  CREATE TABLE device_snapshot (
    source INTEGER NOT NULL, user_id TEXT NOT NULL, ts INTEGER NOT NULL, what TEXT NOT NULL, text TEXT NOT NULL,
    PRIMARY KEY (source, user_id, ts, what)
  ) WITHOUT ROWID;
  `,
  // Devices: a table of their own says who was asked, since a source of events is also a view of the room. device_snapshot was never filled.
  `
  DROP TABLE device_snapshot;
  CREATE TABLE device_source (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, server TEXT NOT NULL, address TEXT NOT NULL,
    insecure INTEGER NOT NULL, user_id TEXT NOT NULL, device_id TEXT NOT NULL, first_ts INTEGER, last_ts INTEGER,
    requests INTEGER NOT NULL DEFAULT 0
  );
  CREATE TABLE device_fact (
    id INTEGER PRIMARY KEY AUTOINCREMENT, source INTEGER NOT NULL, user_id TEXT NOT NULL, kind TEXT NOT NULL, how INTEGER NOT NULL,
    fact TEXT NOT NULL, ts INTEGER NOT NULL, last_ts INTEGER NOT NULL
  );
  CREATE INDEX device_fact_key ON device_fact (user_id, source, kind, how);
  CREATE TABLE device_refusal (
    source INTEGER NOT NULL, user_id TEXT NOT NULL, what TEXT NOT NULL, outcome TEXT NOT NULL, status INTEGER, message TEXT NOT NULL,
    ts INTEGER NOT NULL, PRIMARY KEY (source, user_id, what)
  ) WITHOUT ROWID;
  `,
]
