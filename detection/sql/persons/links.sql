-- Accounts that had the same address at the same time, and so may be one person's, with when both had it first.
-- Reads: spans. An address joins accounts of different spaces only: two ids of one space are two accounts, whoever has
-- the address. What was seen of an account is not all that it was: spans up to $training_days apart count as one time, which is
-- as far back as a baseline looks. Over providers only an address of the organisation joins; where no domain of it is
-- known, any address that belongs to nobody whom a provider calls a guest.
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
