-- The person of each account, and of each address for events that have no other name of the account: the person who
-- last had the address at that time or, before anybody was seen with it, its first holder. One row per account and time
-- range (since inclusive, until exclusive).
-- Reads: identities, spans, resolved (account, person).
-- actor_class: person or guest, by the latest address; NULL for others. has_address: whether the person has a known
-- address.
WITH classes AS (
  SELECT
    account,
    arg_max(actor_class, struct_pack(known := address IS NOT NULL, at := last_seen, class := actor_class)) AS actor_class
  FROM identities
  WHERE actor_class IN ('person', 'guest')
  GROUP BY account
),
addressed AS (
  SELECT DISTINCT r.person
  FROM spans s
  JOIN resolved r ON r.account = s.account
  WHERE s.address IS NOT NULL
),
had AS (
  SELECT s.provider, s.address, min(r.person) AS person, min(s.account) AS holder, count(DISTINCT r.person) AS persons
  FROM spans s
  JOIN resolved r ON r.account = s.account
  WHERE s.address IS NOT NULL AND s.account <> concat(s.provider, ':', s.address)
  GROUP BY s.provider, s.address
),
-- Only an address with several holders needs the daily holders.
holders AS (
  SELECT
    concat(i.provider, ':', i.address) AS account,
    i.account AS holder,
    r.person,
    i.first_seen,
    lag(r.person) OVER (PARTITION BY i.provider, i.address ORDER BY i.first_seen, i.account) AS person_before
  FROM identities i
  JOIN had h ON h.provider = i.provider AND h.address = i.address AND h.persons > 1
  JOIN resolved r ON r.account = i.account
  WHERE i.address IS NOT NULL AND i.account <> concat(i.provider, ':', i.address)
),
tenures AS (
  SELECT
    account,
    holder,
    person,
    CASE WHEN person_before IS NULL THEN TIMESTAMP '0001-01-01 00:00:00' ELSE first_seen END AS since,
    coalesce(lead(first_seen) OVER (PARTITION BY account ORDER BY first_seen, holder), TIMESTAMP '9999-12-31 00:00:00') AS until
  FROM holders
  WHERE person_before IS NULL OR person_before <> person
),
timed AS (
  SELECT account, account AS holder, person, TIMESTAMP '0001-01-01 00:00:00' AS since, TIMESTAMP '9999-12-31 00:00:00' AS until
  FROM resolved
  UNION ALL
  SELECT
    concat(provider, ':', address) AS account, holder, person,
    TIMESTAMP '0001-01-01 00:00:00' AS since, TIMESTAMP '9999-12-31 00:00:00' AS until
  FROM had
  WHERE persons = 1
  UNION ALL
  SELECT account, holder, person, since, until FROM tenures
)
SELECT t.account, t.since, t.until, t.person, c.actor_class, a.person IS NOT NULL AS has_address
FROM timed t
LEFT JOIN classes c ON c.account = t.holder
LEFT JOIN addressed a ON a.person = t.person
ORDER BY t.account, t.since
