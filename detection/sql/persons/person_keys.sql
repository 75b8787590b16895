-- The present key for every name that a stored row may use for a person: an account or, in rows of earlier versions, an
-- address that only one person had.
-- Reads: account_persons, person_names.
SELECT account AS name, person
FROM account_persons
WHERE since = TIMESTAMP '0001-01-01 00:00:00'
UNION ALL
SELECT address AS name, min(person) AS person
FROM person_names
WHERE address IS NOT NULL
GROUP BY address
HAVING count(DISTINCT person) = 1
