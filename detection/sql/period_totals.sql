-- What each user with uploads on a day has uploaded on it and in the days before that a long scale adds up with it.
-- Reads: recent_sums, user_hours (of the day and the next), allowed_hours, active_scopes, scales.
-- Columns as in recent_sums.sql. The largest day is no part of what is compared (summed_*): one large day is for the test
-- window to find, and a long scale is for what is spread over many.
WITH today AS (
  SELECT
    h.population, h."user",
    CAST(sum(h.files) AS BIGINT) AS usual_files,
    CASE WHEN sum(h.bytes) > 4611686018427387904 THEN 4611686018427387904 ELSE CAST(sum(h.bytes) AS BIGINT) END AS usual_bytes,
    CAST(coalesce(sum(CASE WHEN a.scope IS NOT NULL AND w.hour IS NULL THEN h.files END), 0) AS BIGINT) AS files,
    CAST(coalesce(sum(CASE WHEN a.scope IS NOT NULL AND w.hour IS NULL THEN h.sized_files END), 0) AS BIGINT) AS sized_files,
    CASE
      WHEN sum(CASE WHEN a.scope IS NOT NULL AND w.hour IS NULL THEN h.bytes END) > 4611686018427387904 THEN 4611686018427387904
      ELSE CAST(sum(CASE WHEN a.scope IS NOT NULL AND w.hour IS NULL THEN h.bytes END) AS BIGINT)
    END AS bytes
  FROM user_hours h
  LEFT JOIN active_scopes a ON a.scope = h.provider
  LEFT JOIN allowed_hours w
    ON w.population = h.population AND w."user" = h."user" AND w.provider = h.provider AND w.actor_class = h.actor_class
    AND w.hour = h.hour AND w.day = CAST(h.hour AS DATE)
  WHERE h.population IS NOT NULL AND h.hour >= $day_start AND h.hour < $day_end
  GROUP BY h.population, h."user"
),
summed AS (
  SELECT
    t.population,
    s.scope,
    t."user",
    coalesce(r.period_start, CAST($day_start AS TIMESTAMP)) AS period_start,
    t.files + coalesce(r.files, 0) AS files,
    t.sized_files + coalesce(r.sized_files, 0) AS sized_files,
    CASE
      WHEN t.bytes IS NULL AND r.bytes IS NULL THEN NULL
      WHEN CAST(coalesce(t.bytes, 0) AS HUGEINT) + coalesce(r.bytes, 0) > 4611686018427387904 THEN 4611686018427387904
      ELSE coalesce(t.bytes, 0) + coalesce(r.bytes, 0)
    END AS bytes,
    CASE WHEN t.files > coalesce(r.largest_files, 0) THEN t.files ELSE coalesce(r.largest_files, 0) END AS largest_files,
    CASE WHEN coalesce(t.bytes, 0) > coalesce(r.largest_bytes, 0) THEN coalesce(t.bytes, 0) ELSE coalesce(r.largest_bytes, 0) END AS largest_bytes,
    t.usual_files + coalesce(r.usual_files, 0)
    - CASE WHEN t.usual_files > coalesce(r.largest_usual_files, 0) THEN t.usual_files ELSE coalesce(r.largest_usual_files, 0) END AS usual_files,
    -- What is left without the larger of the two: no sum that could be too large for its type.
    CASE
      WHEN t.usual_bytes IS NULL AND r.usual_bytes IS NULL THEN NULL
      WHEN coalesce(t.usual_bytes, 0) > coalesce(r.largest_usual_bytes, 0) THEN coalesce(r.usual_bytes, 0)
      ELSE coalesce(t.usual_bytes, 0) + (coalesce(r.usual_bytes, 0) - coalesce(r.largest_usual_bytes, 0))
    END AS usual_bytes
  FROM today t
  CROSS JOIN scales s
  LEFT JOIN recent_sums r ON r.population = t.population AND r."user" = t."user" AND r.scope = s.scope
)
SELECT
  *,
  files - largest_files AS summed_files,
  CASE WHEN bytes IS NOT NULL THEN bytes - largest_bytes END AS summed_bytes
FROM summed
