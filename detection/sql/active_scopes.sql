-- Scopes that are past their activation period on a day.
-- Reads: sources (provider, first_day: the first day with audit events), scales.
-- The scope 'all' is active once two providers are, since it is for windows that combine providers; a long scale is, once
-- one is: it adds up what was uploaded at those that are.
WITH active AS (
  SELECT provider
  FROM sources
  WHERE first_day + $activation <= $day_start
)
SELECT provider AS scope FROM active
UNION ALL
SELECT 'all' AS scope FROM active HAVING count(*) > 1
UNION ALL
SELECT scope FROM scales WHERE EXISTS (SELECT 1 FROM active)
