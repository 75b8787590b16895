-- Accounts that had the same address at the same time and so may be one person's, with the first time that both had it.
-- Reads: spans. An address joins accounts of different spaces only: two ids of one space are two accounts, whatever
-- their address. Observations are incomplete, so spans up to $training_days apart, which is as far back as a baseline
-- looks, count as one. Across providers, only an address of the organisation joins accounts; without known domains, any
-- address does that no guest has.
SELECT
  a.account AS one,
  b.account AS other,
  greatest(a.first_seen, b.first_seen) AS since
FROM spans a
JOIN spans b ON b.address = a.address AND b.account > a.account AND b.space <> a.space
WHERE
  a.first_seen <= b.last_seen + $training_days * INTERVAL 1 DAY
  AND b.first_seen <= a.last_seen + $training_days * INTERVAL 1 DAY
  AND (
    a.provider = b.provider
    OR list_contains(CAST($organisation_domains AS VARCHAR []), split_part(a.address, '@', 2))
    OR (length(CAST($organisation_domains AS VARCHAR [])) = 0 AND NOT a.is_guest AND NOT b.is_guest)
  )
