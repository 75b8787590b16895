-- Uploads or activity as logged, with the key of the person who acted beside the address that was logged.
-- Reads: keyed (see keyed.sql), account_persons. Whom nobody knows is named as logged.
SELECT k.* EXCLUDE (account), coalesce(p.person, k."user") AS person
FROM keyed k
LEFT JOIN account_persons p ON p.account = k.account AND k.time >= p.since AND k.time < p.until
