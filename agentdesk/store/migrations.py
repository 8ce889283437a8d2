"""The schema, as numbered steps that are only ever appended to.

Cache tables can be fetched again; the precious ones (draft, outbox, ledger, claim, promise, customer notes) cannot,
so a checked backup precedes every step on an existing file, and each step commits together with its own number.
"""

from __future__ import annotations

SCHEMA_1 = """
CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- cache -----------------------------------------------------------------------------------------------------------
CREATE TABLE source (
  name TEXT PRIMARY KEY, kind TEXT NOT NULL, letter TEXT NOT NULL,
  cursor TEXT, cursor_at INTEGER,
  backfilled INTEGER NOT NULL DEFAULT 0,        -- 1 once the history of the first connect is in
  account TEXT NOT NULL DEFAULT '',             -- JSON of Account
  caps TEXT NOT NULL DEFAULT '',                -- JSON of Caps as last known, for when it is not connected
  canned_at INTEGER,                            -- when the canned replies it holds were fetched
  state TEXT NOT NULL DEFAULT 'new',            -- new | ok | retry | offline | auth | stopped | paused
  last_try_at INTEGER, last_ok_at INTEGER, next_try_at INTEGER,
  title TEXT NOT NULL DEFAULT '', cause TEXT NOT NULL DEFAULT '', remedy TEXT NOT NULL DEFAULT '',
  failures INTEGER NOT NULL DEFAULT 0,
  budget TEXT NOT NULL DEFAULT '',              -- JSON of Budget: the requests the server still allows
  skew INTEGER                                  -- how far its clock is ahead of ours
) WITHOUT ROWID;

CREATE TABLE gap (
  id INTEGER PRIMARY KEY, source TEXT NOT NULL, reason TEXT NOT NULL, since INTEGER, until INTEGER,
  found_at INTEGER NOT NULL, closed_at INTEGER
);
CREATE TABLE quarantine (
  id INTEGER PRIMARY KEY, source TEXT NOT NULL, place TEXT NOT NULL, reason TEXT NOT NULL, raw TEXT NOT NULL,
  found_at INTEGER NOT NULL, UNIQUE (source, place, reason)
);

CREATE TABLE customer (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL, first_seen_at INTEGER NOT NULL,
  vip INTEGER NOT NULL DEFAULT 0, note TEXT NOT NULL DEFAULT '', tags TEXT NOT NULL DEFAULT '[]'
);
CREATE INDEX customer_vip ON customer (id) WHERE vip = 1;
CREATE TABLE identity (
  source TEXT NOT NULL, ref TEXT NOT NULL, customer_id INTEGER NOT NULL REFERENCES customer(id),
  handle TEXT NOT NULL, name TEXT NOT NULL, followers INTEGER, profile BLOB NOT NULL, seen_at INTEGER NOT NULL,
  PRIMARY KEY (source, ref)
) WITHOUT ROWID;
CREATE INDEX identity_customer ON identity (customer_id);
CREATE INDEX identity_handle ON identity (handle COLLATE NOCASE);
-- what two identities of one person may share: a mail address, a verified page, a name; may hold more than is true now
CREATE TABLE identity_key (
  key TEXT NOT NULL, source TEXT NOT NULL, ref TEXT NOT NULL, PRIMARY KEY (key, source, ref)
) WITHOUT ROWID;

CREATE TABLE conversation (
  id INTEGER PRIMARY KEY,
  source TEXT NOT NULL, ref TEXT NOT NULL, customer_id INTEGER NOT NULL REFERENCES customer(id),
  subject TEXT NOT NULL DEFAULT '', url TEXT NOT NULL DEFAULT '',
  state TEXT NOT NULL DEFAULT 'open',           -- model.conversation.State
  status TEXT NOT NULL DEFAULT '', assignee TEXT NOT NULL DEFAULT '', priority TEXT NOT NULL DEFAULT '',
  remote_queue TEXT NOT NULL DEFAULT '', locked_reason TEXT NOT NULL DEFAULT '',
  tags TEXT NOT NULL DEFAULT '[]', fields TEXT NOT NULL DEFAULT '{}', server_due TEXT NOT NULL DEFAULT '[]',
  incident TEXT NOT NULL DEFAULT '',
  name TEXT NOT NULL DEFAULT '', preview TEXT NOT NULL DEFAULT '',
  created_at INTEGER NOT NULL, first_in_at INTEGER, first_out_at INTEGER, unanswered_since INTEGER,
  last_in_at INTEGER, last_out_at INTEGER,
  answered_at INTEGER,                          -- when a colleague elsewhere answered last
  lang TEXT NOT NULL DEFAULT '',                -- of the last inbound message that names one
  messages INTEGER NOT NULL DEFAULT 0, unread INTEGER NOT NULL DEFAULT 0, burst INTEGER NOT NULL DEFAULT 0,
  snoozed_until INTEGER,
  disposition TEXT, disposition_code TEXT NOT NULL DEFAULT '', disposed_at INTEGER,
  severity TEXT NOT NULL DEFAULT 'normal', reasons TEXT NOT NULL DEFAULT '[]',
  rank INTEGER NOT NULL DEFAULT 9000000000000000, due_at INTEGER, soon_at INTEGER, clock_kind TEXT,
  calendar TEXT NOT NULL DEFAULT '', clocks TEXT NOT NULL DEFAULT '[]',
  has_draft INTEGER NOT NULL DEFAULT 0, unsent INTEGER NOT NULL DEFAULT 0,
  claim_agent TEXT NOT NULL DEFAULT '', claim_until INTEGER,
  backfill INTEGER NOT NULL DEFAULT 0, indirect INTEGER NOT NULL DEFAULT 0,
  remote_closed INTEGER NOT NULL DEFAULT 0,     -- 1 while its source holds it closed
  emptied INTEGER NOT NULL DEFAULT 0,           -- 1 once its texts were removed after the time set for keeping them
  version INTEGER NOT NULL DEFAULT 1,
  UNIQUE (source, ref)
);
-- rank orders every state: open by urgency, then waiting, snoozed, and done newest first.
CREATE INDEX conversation_rank ON conversation (rank, id);
CREATE INDEX conversation_queue ON conversation (rank, id) WHERE state = 'open';
CREATE INDEX conversation_waiting ON conversation (rank, id) WHERE state = 'waiting';
CREATE INDEX conversation_snoozed ON conversation (rank, id) WHERE state = 'snoozed';
CREATE INDEX conversation_done ON conversation (rank, id) WHERE state = 'done';
CREATE INDEX conversation_keep ON conversation (disposed_at) WHERE state = 'done' AND emptied = 0;
CREATE INDEX conversation_due ON conversation (due_at, soon_at) WHERE state = 'open' AND due_at IS NOT NULL;
CREATE INDEX conversation_wake ON conversation (snoozed_until) WHERE state = 'snoozed';
CREATE INDEX conversation_source ON conversation (source, rank, id) WHERE state = 'open';
CREATE INDEX conversation_severity ON conversation (severity, rank, id) WHERE state = 'open';
CREATE INDEX conversation_claim ON conversation (claim_agent COLLATE NOCASE, rank, id)
  WHERE state = 'open' AND claim_agent <> '';
CREATE INDEX conversation_assignee ON conversation (assignee COLLATE NOCASE, rank, id)
  WHERE state = 'open' AND assignee <> '';
CREATE INDEX conversation_draft ON conversation (rank, id) WHERE has_draft > 0;
CREATE INDEX conversation_unsent ON conversation (rank, id) WHERE unsent > 0;
CREATE INDEX conversation_began ON conversation (first_in_at) WHERE first_in_at IS NOT NULL;
CREATE INDEX conversation_customer ON conversation (customer_id, created_at);
CREATE INDEX conversation_incident ON conversation (incident) WHERE incident <> '';

-- tally: how many conversations each state has, kept so that nobody has to count them
CREATE TABLE tally (state TEXT PRIMARY KEY, conversations INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO tally VALUES ('open', 0), ('waiting', 0), ('snoozed', 0), ('done', 0);
CREATE TRIGGER tally_in AFTER INSERT ON conversation BEGIN
  UPDATE tally SET conversations = conversations + 1 WHERE state = new.state;
END;
CREATE TRIGGER tally_out AFTER DELETE ON conversation BEGIN
  UPDATE tally SET conversations = conversations - 1 WHERE state = old.state;
END;
CREATE TRIGGER tally_move AFTER UPDATE OF state ON conversation WHEN old.state <> new.state BEGIN
  UPDATE tally SET conversations = conversations + 1 WHERE state = new.state;
  UPDATE tally SET conversations = conversations - 1 WHERE state = old.state;
END;

CREATE TRIGGER reopened AFTER UPDATE OF state ON conversation WHEN old.state = 'done' AND new.state <> 'done' BEGIN
  UPDATE conversation SET emptied = 0 WHERE id = new.id;
END;

CREATE TABLE message (
  id INTEGER PRIMARY KEY, conversation_id INTEGER NOT NULL REFERENCES conversation(id),
  source TEXT NOT NULL, ref TEXT NOT NULL, parent_ref TEXT NOT NULL DEFAULT '',
  author_ref TEXT NOT NULL, author_name TEXT NOT NULL, author_handle TEXT NOT NULL,
  direction TEXT NOT NULL, kind TEXT NOT NULL, visibility TEXT NOT NULL,
  text TEXT NOT NULL, raw TEXT NOT NULL DEFAULT '',
  created_at INTEGER NOT NULL, seen_at INTEGER NOT NULL, edited_at INTEGER, deleted_at INTEGER,
  attachments TEXT NOT NULL DEFAULT '', url TEXT NOT NULL DEFAULT '', lang TEXT NOT NULL DEFAULT '',
  rating INTEGER, client_id TEXT NOT NULL DEFAULT '', can_reply INTEGER NOT NULL DEFAULT 1,
  indirect INTEGER NOT NULL DEFAULT 0,
  ours INTEGER NOT NULL DEFAULT 0,              -- 1 when it left through this outbox
  handled_at INTEGER,                           -- inbound: when an answer or a disposition covered it
  UNIQUE (source, ref)
);
CREATE INDEX message_unhandled ON message (conversation_id, created_at) WHERE direction = 'in' AND handled_at IS NULL;
CREATE INDEX message_at ON message (created_at, direction);
CREATE INDEX message_thread ON message (conversation_id, created_at, id);
CREATE INDEX message_client ON message (client_id) WHERE client_id <> '';
CREATE INDEX message_heard ON message (url) WHERE indirect = 1 AND url <> '';
CREATE TABLE message_edit (
  id INTEGER PRIMARY KEY, message_id INTEGER NOT NULL REFERENCES message(id), text TEXT NOT NULL,
  replaced_at INTEGER NOT NULL
);
CREATE INDEX message_edit_message ON message_edit (message_id);
CREATE TABLE canned (                           -- canned replies that help desks hold
  source TEXT NOT NULL, ref TEXT NOT NULL, name TEXT NOT NULL, title TEXT NOT NULL, text TEXT NOT NULL,
  actions TEXT NOT NULL DEFAULT '[]', PRIMARY KEY (source, ref)
) WITHOUT ROWID;
CREATE VIRTUAL TABLE message_text USING fts5 (
  text, author_name, content='message', content_rowid='id', prefix='2 3 4', tokenize='unicode61 remove_diacritics 2'
);

-- precious --------------------------------------------------------------------------------------------------------
CREATE TABLE draft (
  conversation_id INTEGER NOT NULL, agent TEXT NOT NULL, kind TEXT NOT NULL,
  text TEXT NOT NULL, visibility TEXT NOT NULL, canned TEXT NOT NULL DEFAULT '', canned_text TEXT NOT NULL DEFAULT '',
  reply_to_ref TEXT NOT NULL DEFAULT '', seen_message_id INTEGER NOT NULL DEFAULT 0,
  uploads TEXT NOT NULL DEFAULT '',             -- JSON of the files that go with it
  calls TEXT NOT NULL DEFAULT '',               -- JSON of the verb calls to carry out once it is sent
  started_at INTEGER NOT NULL, saved_at INTEGER NOT NULL, hash BLOB NOT NULL,
  PRIMARY KEY (conversation_id, agent, kind)
) WITHOUT ROWID;

CREATE TABLE outbox (
  id INTEGER PRIMARY KEY, client_id TEXT NOT NULL UNIQUE,
  conversation_id INTEGER NOT NULL, source TEXT NOT NULL, kind TEXT NOT NULL, agent TEXT NOT NULL,
  state TEXT NOT NULL, body BLOB NOT NULL,      -- JSON of Outgoing or Action, frozen
  created_at INTEGER NOT NULL, hold_until INTEGER NOT NULL, next_try_at INTEGER NOT NULL,
  first_try_at INTEGER, attempts INTEGER NOT NULL DEFAULT 0, checks INTEGER NOT NULL DEFAULT 0,
  seen_message_id INTEGER NOT NULL DEFAULT 0, sender TEXT NOT NULL DEFAULT '',
  remote_ref TEXT NOT NULL DEFAULT '', sent_at INTEGER,
  title TEXT NOT NULL DEFAULT '', remedy TEXT NOT NULL DEFAULT '',
  likeness BLOB NOT NULL DEFAULT x'',           -- of the text, to know the same text again
  hash BLOB NOT NULL                            -- over client_id, conversation, kind, agent and body
);
CREATE INDEX outbox_likeness ON outbox (likeness, created_at) WHERE likeness <> x'';
CREATE INDEX outbox_agent ON outbox (agent, id);
CREATE INDEX outbox_work ON outbox (source, id) WHERE state NOT IN ('sent', 'cancelled');
CREATE INDEX outbox_conversation ON outbox (conversation_id, id);
CREATE INDEX outbox_sent ON outbox (sent_at) WHERE state = 'sent';
CREATE INDEX outbox_remote ON outbox (source, remote_ref) WHERE remote_ref <> '';

CREATE TABLE ledger (
  id INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE, at INTEGER NOT NULL,
  agent TEXT NOT NULL, os_user TEXT NOT NULL, rule TEXT NOT NULL DEFAULT '',
  conversation_id INTEGER, customer_id INTEGER, source TEXT NOT NULL DEFAULT '',
  action TEXT NOT NULL, code TEXT NOT NULL DEFAULT '', detail TEXT NOT NULL DEFAULT '{}',
  undoes TEXT NOT NULL DEFAULT '', batch TEXT NOT NULL DEFAULT '',
  hash BLOB NOT NULL                            -- chained: over the row and the hash before it
);
CREATE INDEX ledger_conversation ON ledger (conversation_id, id);
CREATE INDEX ledger_action ON ledger (action, at);
CREATE INDEX ledger_at ON ledger (at);
CREATE INDEX ledger_undoes ON ledger (undoes) WHERE undoes <> '';
CREATE INDEX ledger_batch ON ledger (batch) WHERE batch <> '';
CREATE INDEX ledger_undoable ON ledger (agent, id) WHERE batch <> '';

CREATE TABLE promise (
  id INTEGER PRIMARY KEY, conversation_id INTEGER NOT NULL, agent TEXT NOT NULL, words TEXT NOT NULL,
  made_at INTEGER NOT NULL, due_at INTEGER NOT NULL, kept_at INTEGER
);
CREATE INDEX promise_open ON promise (conversation_id) WHERE kept_at IS NULL;
CREATE TABLE link (
  id INTEGER PRIMARY KEY, conversation_id INTEGER NOT NULL, other_id INTEGER, url TEXT NOT NULL DEFAULT '',
  kind TEXT NOT NULL, made_at INTEGER NOT NULL, agent TEXT NOT NULL
);
CREATE INDEX link_conversation ON link (conversation_id);
-- what we did to a message (its ref) or a person (theirs) where it is: like, boost, follow
CREATE TABLE reaction (
  source TEXT NOT NULL, kind TEXT NOT NULL, ref TEXT NOT NULL, conversation_id INTEGER NOT NULL,
  agent TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (source, kind, ref)
) WITHOUT ROWID;
CREATE INDEX reaction_conversation ON reaction (conversation_id);
-- identities that a person said are not one customer, each pair both ways round
CREATE TABLE stranger (
  source TEXT NOT NULL, ref TEXT NOT NULL, other_source TEXT NOT NULL, other_ref TEXT NOT NULL,
  agent TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (source, ref, other_source, other_ref)
) WITHOUT ROWID;
CREATE TABLE lease (name TEXT PRIMARY KEY, holder TEXT NOT NULL, until INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE import_job (
  path TEXT PRIMARY KEY, source TEXT NOT NULL, size INTEGER NOT NULL, offset INTEGER NOT NULL,
  lines INTEGER NOT NULL, stored INTEGER NOT NULL, rejected INTEGER NOT NULL, started_at INTEGER NOT NULL,
  finished_at INTEGER
) WITHOUT ROWID;
"""

SCHEMA_2 = """
-- review: 1 while its source closed it and no person has looked
ALTER TABLE conversation ADD COLUMN review INTEGER NOT NULL DEFAULT 0;
CREATE INDEX conversation_review ON conversation (rank, id) WHERE review <> 0;
-- solved_at, of a ticket: since when it is known to be solved
ALTER TABLE link ADD COLUMN solved_at INTEGER;
CREATE INDEX link_other ON link (other_id) WHERE other_id IS NOT NULL;
-- link_id: the solved ticket of which the customer is to hear
ALTER TABLE promise ADD COLUMN link_id INTEGER;
"""

SCHEMA_3 = """
-- undelivered: why its platform could not deliver a message of ours; the table holds what was told before the message
ALTER TABLE message ADD COLUMN undelivered TEXT NOT NULL DEFAULT '';
CREATE TABLE undelivered (
  source TEXT NOT NULL, ref TEXT NOT NULL, client_id TEXT NOT NULL, reason TEXT NOT NULL, found_at INTEGER NOT NULL,
  PRIMARY KEY (source, ref, client_id)
) WITHOUT ROWID;
"""

SCHEMA_4 = """
-- pending: 1 while its server holds it back until we approve it
ALTER TABLE message ADD COLUMN pending INTEGER NOT NULL DEFAULT 0;
"""

SCHEMA_5 = """
-- emptied: 1 once its texts were removed; more than that is when the oldest text was written that came since
CREATE INDEX conversation_late ON conversation (emptied) WHERE emptied > 1;
CREATE TRIGGER late_message AFTER INSERT ON message WHEN new.text || new.raw || new.attachments <> '' BEGIN
  UPDATE conversation SET emptied = max(2, min(new.created_at, iif(emptied = 1, new.created_at, emptied)))
  WHERE id = new.conversation_id AND emptied > 0;
END;
CREATE TRIGGER late_text AFTER UPDATE OF conversation_id, text ON message
WHEN new.text || new.raw || new.attachments <> '' BEGIN
  UPDATE conversation SET emptied = max(2, min(new.created_at, iif(emptied = 1, new.created_at, emptied)))
  WHERE id = new.conversation_id AND emptied > 0;
END;
CREATE TRIGGER late_reply AFTER INSERT ON outbox
WHEN new.kind <> 'action' AND new.state NOT IN ('sent', 'cancelled') BEGIN
  UPDATE conversation SET emptied = max(2, min(new.created_at, iif(emptied = 1, new.created_at, emptied)))
  WHERE id = new.conversation_id AND emptied > 0;
END;
UPDATE conversation SET emptied = 2 WHERE emptied = 1;
"""

STEPS: tuple[str, ...] = (SCHEMA_1, SCHEMA_2, SCHEMA_3, SCHEMA_4, SCHEMA_5)
"""Step n brings a file from version n to n + 1."""
