-- The address by which each person is shown: of each account's latest address, the one that came up last.
-- Reads: spans, resolved (account, person). Without any address it is the person's first account.
WITH present AS (
  SELECT
    account,
    arg_max(
      struct_pack(at := first_seen, address := address), struct_pack(until := last_seen, at := first_seen, address := address)
    ) AS held
  FROM spans
  WHERE address IS NOT NULL
  GROUP BY account
)
SELECT r.person, coalesce(max(p.held).address, r.person) AS label
FROM resolved r
LEFT JOIN present p ON p.account = r.account
GROUP BY r.person
ORDER BY r.person
