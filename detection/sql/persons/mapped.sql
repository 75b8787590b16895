-- The accounts that the operator's rows mean. An address means the account that had it first, for each kind of id.
-- Reads: mapped_rows (row, person, provider, account, address; missing fields are NULL), spans.
SELECT row, person, account
FROM mapped_rows
WHERE account IS NOT NULL
UNION
SELECT m.row, m.person, h.account
FROM mapped_rows m
JOIN (
  SELECT provider, address, space, arg_min(account, struct_pack(at := first_seen, account := account)) AS account
  FROM spans
  WHERE address IS NOT NULL
  GROUP BY provider, address, space
) AS h ON h.address = m.address AND (m.provider IS NULL OR h.provider = m.provider)
ORDER BY row, account
