-- Scored windows with the entry of the allow-list that covers what they hold, or NULL.
-- Reads: scored, user_hours of the day and the next, allow_list, allowed_hours (of the same), scales.
-- A window is allowed if all its hours are covered. In the scope of all providers, what no entry covers may stay below
-- both floors: a few files elsewhere would else raise the alert that the entry is there to keep back. What is covered is
-- in no long sum.
WITH listed AS (
  SELECT DISTINCT "user" FROM allow_list
),
held AS (
  SELECT
    f.population, f.scope, f."user", f.window_start,
    h.bytes,
    h.files + coalesce(h.again_files[1], 0) AS files,
    a.allowed_by
  FROM scored f
  JOIN listed l ON l."user" = f."user"
  JOIN user_hours h
    ON h."user" = f."user"
    AND h.population = f.population
    AND h.hour >= f.window_start
    AND h.hour < f.window_start + $window_hours * INTERVAL 1 HOUR
    AND (f.scope = 'all' OR h.provider = f.scope)
  LEFT JOIN allowed_hours a
    ON a.population = h.population AND a."user" = h."user" AND a.provider = h.provider AND a.actor_class = h.actor_class
    AND a.hour = h.hour AND a.day = CAST(f.window_start AS DATE)
  WHERE f.scope NOT IN (SELECT scope FROM scales)
),
covered AS (
  SELECT
    population, scope, "user", window_start,
    min(allowed_by) AS allowed_by,
    sum(CASE WHEN allowed_by IS NULL THEN files ELSE 0 END) AS other_files,
    sum(CASE WHEN allowed_by IS NULL THEN coalesce(bytes, 0) ELSE 0 END) AS other_bytes
  FROM held
  GROUP BY population, scope, "user", window_start
)
SELECT
  f.*,
  CASE
    WHEN c.other_files = 0 THEN c.allowed_by
    WHEN f.scope = 'all' AND c.other_files < $floor_files AND c.other_bytes < $floor_bytes THEN c.allowed_by
  END AS allowed_by
FROM scored f
LEFT JOIN covered c
  ON c.population = f.population AND c.scope = f.scope AND c."user" = f."user" AND c.window_start = f.window_start
ORDER BY f."user", f.window_start, f.scope
