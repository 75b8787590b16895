-- Accounts that are the same according to the provider: two ids in one event, or two spellings of one id.
-- Reads: identities, spans.
SELECT account AS one, second_account AS other
FROM identities
WHERE second_account IS NOT NULL
UNION
SELECT account AS one, min(account) OVER (PARTITION BY same_as) AS other
FROM spans
WHERE same_as IS NOT NULL
