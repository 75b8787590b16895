-- Identities of days before $first_day of persons with no other kept data, with the partition of each row.
-- Reads: dated_identities (of all days, with day), account_persons, person_names, person_keys, kept_names (name: keys
-- and accounts in the tables that are kept).
-- A person who once had an address that a kept person also has is kept too; else the address would mean another person
-- in the operator's lists.
WITH owned AS (
  SELECT i.*, coalesce(p.person, i.account) AS person
  FROM dated_identities i
  LEFT JOIN account_persons p ON p.account = i.account AND i.first_seen >= p.since AND i.first_seen < p.until
),
staying AS (
  SELECT person FROM owned WHERE day >= $first_day
  UNION
  SELECT coalesce(k.person, n.name) AS person
  FROM kept_names n
  LEFT JOIN person_keys k ON k.name = n.name
),
sharing AS (
  SELECT DISTINCT a.person
  FROM person_names a
  JOIN person_names b ON b.address = a.address
  JOIN staying s ON s.person = b.person
)
SELECT o.*
FROM owned o
WHERE
  o.day < $first_day
  AND NOT EXISTS (SELECT 1 FROM staying s WHERE s.person = o.person)
  AND NOT EXISTS (SELECT 1 FROM sharing s WHERE s.person = o.person)
