-- The address that is shown for each person: among the latest addresses of their accounts, the newest.
-- Reads: spans, resolved (account, person). A person without an address is shown by their first account.
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
