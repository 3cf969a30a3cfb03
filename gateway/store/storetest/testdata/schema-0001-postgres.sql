-- +goose Up
-- All times are Unix milliseconds, 0 for "none". Columns named sealed_… hold
-- ciphertext of the row's operation key: destroying the key erases them.
CREATE TABLE node (
  name TEXT PRIMARY KEY, epoch BIGINT NOT NULL, beat BIGINT NOT NULL, started BIGINT NOT NULL
);
CREATE TABLE data_key (
  operation TEXT PRIMARY KEY, wrapped BYTEA, created BIGINT NOT NULL, erased BIGINT NOT NULL DEFAULT 0
);
CREATE TABLE offer (
  name TEXT PRIMARY KEY, count BIGINT NOT NULL, at BIGINT NOT NULL
);
CREATE TABLE inbound (
  id TEXT PRIMARY KEY, operation TEXT NOT NULL, medium TEXT NOT NULL, account TEXT NOT NULL,
  verdict TEXT NOT NULL CHECK (verdict IN ('accepted','duplicate','held','rejected','noted')),
  sender TEXT NOT NULL, form TEXT NOT NULL, number BIGINT NOT NULL, reference TEXT NOT NULL, answer TEXT NOT NULL,
  backlog BIGINT NOT NULL, size BIGINT NOT NULL, received BIGINT NOT NULL, recorded BIGINT NOT NULL,
  settled BIGINT NOT NULL DEFAULT 0, settled_by TEXT NOT NULL DEFAULT '',
  sealed_detail BYTEA, sealed_raw BYTEA
);
CREATE INDEX inbound_held ON inbound (recorded) WHERE verdict = 'held' AND settled = 0;
CREATE TABLE repeat (
  key TEXT PRIMARY KEY, digest BYTEA NOT NULL, inbound TEXT NOT NULL
);
CREATE TABLE form (
  id TEXT PRIMARY KEY, operation TEXT NOT NULL, role TEXT NOT NULL CHECK (role IN ('form','answer','notice')),
  number BIGINT NOT NULL, type TEXT NOT NULL, reference TEXT NOT NULL, sender TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('accepted','held','refused','corrected','cancelled')),
  assurance TEXT NOT NULL CHECK (assurance IN ('signed','session','phone','plain')),
  signer TEXT NOT NULL, priority TEXT NOT NULL CHECK (priority IN ('U','P','R')), mode TEXT NOT NULL, nominal BIGINT NOT NULL,
  received BIGINT NOT NULL, hash BYTEA NOT NULL, signed_sum BYTEA, answers TEXT NOT NULL, inbound TEXT NOT NULL,
  sealed_content BYTEA
);
CREATE UNIQUE INDEX form_reference ON form (operation, sender, reference) WHERE state <> 'refused' AND reference <> '';
CREATE INDEX form_any_reference ON form (operation, reference);
CREATE UNIQUE INDEX form_number ON form (operation, number) WHERE number > 0;
CREATE INDEX form_hash ON form (operation, sender, hash) WHERE role = 'form';
CREATE INDEX form_signed ON form (operation, sender, signed_sum) WHERE signed_sum IS NOT NULL;
CREATE INDEX form_held ON form (received) WHERE state = 'held';
CREATE TABLE attachment (
  form TEXT NOT NULL, position BIGINT NOT NULL, operation TEXT NOT NULL, type TEXT NOT NULL, nominal BIGINT NOT NULL,
  sealed_name BYTEA, sealed_content BYTEA, PRIMARY KEY (form, position)
);
CREATE TABLE delivery (
  id TEXT PRIMARY KEY, form TEXT NOT NULL, operation TEXT NOT NULL, participant TEXT NOT NULL,
  channel TEXT NOT NULL, channel_at BIGINT NOT NULL, priority TEXT NOT NULL CHECK (priority IN ('U','P','R')), urgency BIGINT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('pending','handed over','failed','confirmed by system','confirmed by person','withheld')),
  attempts BIGINT NOT NULL DEFAULT 0, created BIGINT NOT NULL, channel_from BIGINT NOT NULL, not_before BIGINT NOT NULL,
  confirmed BIGINT NOT NULL DEFAULT 0, subject TEXT NOT NULL, dropped BIGINT NOT NULL DEFAULT 0,
  fence BIGINT NOT NULL DEFAULT 0, owner TEXT NOT NULL DEFAULT '', owner_epoch BIGINT NOT NULL DEFAULT 0,
  claimed BIGINT NOT NULL DEFAULT 0, lease_until BIGINT NOT NULL DEFAULT 0, sealed_reason BYTEA,
  UNIQUE (form, participant)
);
CREATE INDEX delivery_due ON delivery (urgency, created, id) WHERE state = 'pending';
CREATE INDEX delivery_owner ON delivery (owner) WHERE owner <> '';
CREATE TABLE attempt (
  id BIGSERIAL PRIMARY KEY, delivery TEXT NOT NULL, operation TEXT NOT NULL,
  outcome TEXT NOT NULL CHECK (outcome IN ('sent','deferred','bounced','confirmed','refuted','observed')),
  state TEXT NOT NULL CHECK (state IN ('','pending','handed over','failed','confirmed by system','confirmed by person','withheld')),
  channel TEXT NOT NULL, at BIGINT NOT NULL, source TEXT NOT NULL, seq BIGINT NOT NULL, sealed_detail BYTEA
);
CREATE INDEX attempt_delivery ON attempt (delivery, id);
CREATE TABLE session (
  operation TEXT NOT NULL, participant TEXT NOT NULL, id TEXT NOT NULL, node TEXT NOT NULL, epoch BIGINT NOT NULL,
  fingerprint TEXT NOT NULL, opened BIGINT NOT NULL, last BIGINT NOT NULL, acked BIGINT NOT NULL,
  PRIMARY KEY (operation, participant)
);
CREATE INDEX session_id ON session (id);
CREATE TABLE sequence (
  operation TEXT NOT NULL, participant TEXT NOT NULL, seq BIGINT NOT NULL, delivery TEXT NOT NULL UNIQUE,
  PRIMARY KEY (operation, participant, seq)
);
CREATE TABLE counter (
  name TEXT PRIMARY KEY, value BIGINT NOT NULL
);
CREATE TABLE mark (
  what TEXT PRIMARY KEY, at BIGINT NOT NULL
);
CREATE TABLE operation (
  code TEXT NOT NULL, version BIGINT NOT NULL, applied BIGINT NOT NULL, sealed_yaml BYTEA, PRIMARY KEY (code, version)
);
CREATE TABLE operation_state (
  code TEXT PRIMARY KEY, version BIGINT NOT NULL, closed BIGINT NOT NULL DEFAULT 0
);
CREATE TABLE certificate (
  operation TEXT NOT NULL, participant TEXT NOT NULL, fingerprint TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('proposed','confirmed','blocked')),
  certificate BYTEA NOT NULL, role TEXT NOT NULL, holder TEXT NOT NULL, source TEXT NOT NULL, added BIGINT NOT NULL,
  confirmed_by TEXT NOT NULL, confirmed_at BIGINT NOT NULL, how TEXT NOT NULL, replaces TEXT NOT NULL,
  PRIMARY KEY (operation, participant, fingerprint)
);
CREATE TABLE certificate_key (
  key_id BIGINT NOT NULL, operation TEXT NOT NULL, participant TEXT NOT NULL, fingerprint TEXT NOT NULL,
  PRIMARY KEY (key_id, operation, participant, fingerprint)
);
CREATE TABLE due (
  kind TEXT NOT NULL, key TEXT NOT NULL, at BIGINT NOT NULL, fence BIGINT NOT NULL DEFAULT 0,
  owner TEXT NOT NULL DEFAULT '', lease_until BIGINT NOT NULL DEFAULT 0, PRIMARY KEY (kind, key)
);
CREATE INDEX due_at ON due (at);
CREATE TABLE lease (
  name TEXT PRIMARY KEY, owner TEXT NOT NULL, epoch BIGINT NOT NULL, until BIGINT NOT NULL
);
CREATE TABLE mailbox (
  account TEXT NOT NULL, mailbox TEXT NOT NULL, uidvalidity BIGINT NOT NULL, uid BIGINT NOT NULL, set_up BIGINT NOT NULL,
  PRIMARY KEY (account, mailbox)
);
CREATE TABLE audit (
  id TEXT PRIMARY KEY, entry TEXT NOT NULL, hash BYTEA NOT NULL, operation TEXT NOT NULL, reference TEXT NOT NULL, at BIGINT NOT NULL,
  sequence BIGINT UNIQUE
);
CREATE TABLE tree_hash (
  position BIGINT PRIMARY KEY, hash BYTEA NOT NULL
);
CREATE TABLE tree_head (
  size BIGINT NOT NULL, at BIGINT NOT NULL, text TEXT NOT NULL, signature BYTEA NOT NULL, PRIMARY KEY (size, at)
);

-- +goose Down
SELECT 1;
