-- Scopes that are past their activation period on a day.
-- Reads: sources (provider, first_day: the first day with audit events).
-- The scope 'all' is active once two providers are, since it is for windows that combine providers.
WITH active AS (
  SELECT provider
  FROM sources
  WHERE first_day + $activation <= $day_start
)
SELECT provider AS scope FROM active
UNION ALL
SELECT 'all' AS scope FROM active HAVING count(*) > 1
