-- Uploads or activity as logged, with an extra column for the key of the person who acted.
-- Reads: keyed (see keyed.sql), account_persons. Unknown users keep the logged name.
SELECT k.* EXCLUDE (account), coalesce(p.person, k."user") AS person
FROM keyed k
LEFT JOIN account_persons p ON p.account = k.account AND k.time >= p.since AND k.time < p.until
