-- +goose Up
-- SQLite makes a table of its own for each list of a CHECK, with every row that is
-- written: the same words as comparisons cost next to nothing. What is in the
-- tables doesn't change (sqlite.org/lang_altertable.html, section 7).
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, 'CHECK (verdict IN (''accepted'',''duplicate'',''held'',''rejected'',''noted''))',
  'CHECK (verdict = ''accepted'' OR verdict = ''duplicate'' OR verdict = ''held'' OR verdict = ''rejected'' OR verdict = ''noted'')') WHERE type = 'table' AND name = 'inbound';
UPDATE sqlite_schema SET sql = replace(sql, 'CHECK (role IN (''form'',''answer'',''notice''))',
  'CHECK (role = ''form'' OR role = ''answer'' OR role = ''notice'')') WHERE type = 'table' AND name = 'form';
UPDATE sqlite_schema SET sql = replace(sql, 'CHECK (state IN (''accepted'',''held'',''refused'',''corrected'',''cancelled''))',
  'CHECK (state = ''accepted'' OR state = ''held'' OR state = ''refused'' OR state = ''corrected'' OR state = ''cancelled'')') WHERE type = 'table' AND name = 'form';
UPDATE sqlite_schema SET sql = replace(sql, 'CHECK (assurance IN (''signed'',''session'',''phone'',''plain''))',
  'CHECK (assurance = ''signed'' OR assurance = ''session'' OR assurance = ''phone'' OR assurance = ''plain'')') WHERE type = 'table' AND name = 'form';
UPDATE sqlite_schema SET sql = replace(sql, 'CHECK (priority IN (''U'',''P'',''R''))',
  'CHECK (priority = ''U'' OR priority = ''P'' OR priority = ''R'')') WHERE type = 'table' AND name = 'form';
UPDATE sqlite_schema SET sql = replace(sql, 'CHECK (priority IN (''U'',''P'',''R''))',
  'CHECK (priority = ''U'' OR priority = ''P'' OR priority = ''R'')') WHERE type = 'table' AND name = 'delivery';
UPDATE sqlite_schema SET sql = replace(sql, 'CHECK (state IN (''pending'',''handed over'',''failed'',''confirmed by system'',''confirmed by person'',''withheld''))',
  'CHECK (state = ''pending'' OR state = ''handed over'' OR state = ''failed'' OR state = ''confirmed by system'' OR state = ''confirmed by person'' OR state = ''withheld'')') WHERE type = 'table' AND name = 'delivery';
UPDATE sqlite_schema SET sql = replace(sql, 'CHECK (outcome IN (''sent'',''deferred'',''bounced'',''confirmed'',''refuted'',''observed''))',
  'CHECK (outcome = ''sent'' OR outcome = ''deferred'' OR outcome = ''bounced'' OR outcome = ''confirmed'' OR outcome = ''refuted'' OR outcome = ''observed'')') WHERE type = 'table' AND name = 'attempt';
UPDATE sqlite_schema SET sql = replace(sql, 'CHECK (state IN ('''',''pending'',''handed over'',''failed'',''confirmed by system'',''confirmed by person'',''withheld''))',
  'CHECK (state = '''' OR state = ''pending'' OR state = ''handed over'' OR state = ''failed'' OR state = ''confirmed by system'' OR state = ''confirmed by person'' OR state = ''withheld'')') WHERE type = 'table' AND name = 'attempt';
UPDATE sqlite_schema SET sql = replace(sql, 'CHECK (state IN (''proposed'',''confirmed'',''blocked''))',
  'CHECK (state = ''proposed'' OR state = ''confirmed'' OR state = ''blocked'')') WHERE type = 'table' AND name = 'certificate';
PRAGMA writable_schema = RESET;

-- +goose Down
SELECT 1;
