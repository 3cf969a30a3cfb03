-- +goose Up
-- Test replies that travel on from one participant to another, a row for each
-- delivery and question: a look at a participant reads its own rows alone.
CREATE TABLE test_onward (
  delivery TEXT NOT NULL, run TEXT NOT NULL, probe TEXT NOT NULL, sender TEXT NOT NULL, recipient TEXT NOT NULL,
  PRIMARY KEY (delivery, run, probe)
) WITHOUT ROWID;
CREATE INDEX test_onward_sender ON test_onward (run, sender);
CREATE INDEX test_onward_recipient ON test_onward (run, recipient);
INSERT INTO test_onward SELECT DISTINCT d.id, e.run, e.probe, e.participant, d.participant FROM test_evidence e JOIN delivery d ON d.form = e.form WHERE e.form <> '';
DROP INDEX test_evidence_form;
CREATE INDEX test_party_open ON test_party (run) WHERE ended = 0;

-- +goose Down
SELECT 1;
