-- Uploads or activity by person: "user" is the person's key; actor_class is the account's class if it belongs to a
-- person.
-- Reads: keyed (see keyed.sql), account_persons. Unknown users keep the logged name.
SELECT
  k.* EXCLUDE (account) REPLACE (
    coalesce(p.person, k."user") AS "user",
    CASE WHEN k.actor_class IN ('person', 'guest') THEN coalesce(p.actor_class, k.actor_class) ELSE k.actor_class END AS actor_class
  ),
  coalesce(p.has_address, k."user" LIKE '%_@_%') AS has_address
FROM keyed k
LEFT JOIN account_persons p ON p.account = k.account AND k.time >= p.since AND k.time < p.until
