-- +goose Up
-- Communications tests: runs, each participant's part, the questions, and what
-- was heard. Conventions as in 00001.
CREATE TABLE test_run (
  id TEXT PRIMARY KEY, operation TEXT NOT NULL, number BIGINT NOT NULL, started BIGINT NOT NULL, ended BIGINT NOT NULL,
  sealed_detail BYTEA, UNIQUE (operation, number)
);
CREATE TABLE test_party (
  run TEXT NOT NULL, participant TEXT NOT NULL, operation TEXT NOT NULL, ended BIGINT NOT NULL, sealed_detail BYTEA,
  PRIMARY KEY (run, participant)
);
CREATE TABLE test_probe (
  delivery TEXT PRIMARY KEY, run TEXT NOT NULL, operation TEXT NOT NULL, participant TEXT NOT NULL, channel_at BIGINT NOT NULL,
  code_sum BYTEA NOT NULL, sent BIGINT NOT NULL, sealed_probe BYTEA
);
CREATE INDEX test_probe_party ON test_probe (run, participant);
CREATE INDEX test_probe_code ON test_probe (code_sum);
CREATE INDEX test_probe_channel ON test_probe (operation, participant, channel_at, sent);
CREATE TABLE test_evidence (
  id BIGSERIAL PRIMARY KEY, run TEXT NOT NULL, operation TEXT NOT NULL, participant TEXT NOT NULL, probe TEXT NOT NULL,
  form TEXT NOT NULL, at BIGINT NOT NULL, sealed_detail BYTEA
);
CREATE INDEX test_evidence_party ON test_evidence (run, participant, id);
CREATE INDEX test_evidence_form ON test_evidence (run, form) WHERE form <> '';
CREATE TABLE test_waiver (
  id TEXT PRIMARY KEY, operation TEXT NOT NULL, participant TEXT NOT NULL, at BIGINT NOT NULL, sealed_statement BYTEA, sealed_signature BYTEA
);
CREATE INDEX test_waiver_operation ON test_waiver (operation, at);

-- +goose Down
SELECT 1;
