-- All names of each person: accounts, and addresses with their provider. is_first: whether no account with an id of
-- that kind had the address before.
-- Reads: spans, resolved (account, person).
SELECT
  r.person,
  s.provider,
  s.account,
  s.address,
  s.address IS NOT NULL
    AND row_number() OVER (PARTITION BY s.provider, s.space, s.address ORDER BY s.first_seen, s.account) = 1 AS is_first
FROM spans s
JOIN resolved r ON r.account = s.account
ORDER BY r.person, s.account, s.address
