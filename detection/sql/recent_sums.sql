-- What each user uploaded in the days before a day that a long scale adds up with it: one row per population, scale and
-- user.
-- Reads: usual_days, user_hours and past_detections (those of the training days), allowed_hours, excluded_hours,
-- active_scopes, scales.
-- files, sized_files, bytes: since period_start, at sources past their activation. A detection on a long scale reported
-- what was uploaded up to its day, so the sum begins after it; the hours of other detections are in no sum. What the
-- allow-list covers is not in these, either.
-- usual_files, usual_bytes: the same with what detections on long scales reported and from all sources; of these sums a
-- user's usual is made. largest_*: the largest day among them.
WITH allowed AS (
  SELECT
    h.population, h."user", h.provider, CAST(h.hour AS DATE) AS day,
    sum(h.files) AS files,
    sum(h.sized_files) AS sized_files,
    sum(h.bytes) AS bytes
  FROM user_hours h
  JOIN allowed_hours a
    ON a.population = h.population AND a."user" = h."user" AND a.provider = h.provider AND a.actor_class = h.actor_class
    AND a.hour = h.hour AND a.day = CAST(h.hour AS DATE)
  WHERE NOT EXISTS (SELECT 1 FROM excluded_hours e WHERE e."user" = h."user" AND e.hour = h.hour)
  GROUP BY h.population, h."user", h.provider, CAST(h.hour AS DATE)
),
-- Hours that are not usual only since the allow-list allows what another source or application uploaded in them.
beside AS (
  SELECT
    h.population, h."user", h.provider, CAST(h.hour AS DATE) AS day,
    sum(h.files) AS files,
    sum(h.sized_files) AS sized_files,
    sum(h.bytes) AS bytes
  FROM user_hours h
  JOIN excluded_hours e ON e."user" = h."user" AND e.hour = h.hour AND e.is_reported = 0
  WHERE
    h.population IS NOT NULL AND h.hour >= $training_start AND h.hour < $day_start
    AND NOT EXISTS (
      SELECT 1
      FROM allowed_hours a
      WHERE
        a.population = h.population AND a."user" = h."user" AND a.provider = h.provider AND a.actor_class = h.actor_class
        AND a.hour = h.hour AND a.day = CAST(h.hour AS DATE)
    )
  GROUP BY h.population, h."user", h.provider, CAST(h.hour AS DATE)
),
held AS (
  SELECT
    d.population, d."user", d.day, d.scope AS provider,
    d.day_files AS usual_files,
    d.bytes_sum AS usual_bytes,
    d.day_files - coalesce(w.files, 0) AS files,
    d.day_sized_files - coalesce(w.sized_files, 0) AS sized_files,
    d.bytes_sum - coalesce(w.bytes, 0) AS bytes
  FROM usual_days d
  LEFT JOIN allowed w ON w.population = d.population AND w."user" = d."user" AND w.provider = d.scope AND w.day = d.day
  WHERE d.scope <> 'all'
  UNION ALL
  SELECT population, "user", day, provider, 0 AS usual_files, CAST(NULL AS BIGINT) AS usual_bytes, files, sized_files, bytes
  FROM beside
),
daily AS (
  SELECT
    h.population, h."user", h.day,
    CAST(sum(h.usual_files) AS BIGINT) AS usual_files,
    CASE WHEN sum(h.usual_bytes) > 4611686018427387904 THEN 4611686018427387904 ELSE CAST(sum(h.usual_bytes) AS BIGINT) END AS usual_bytes,
    CAST(sum(CASE WHEN a.scope IS NOT NULL THEN h.files END) AS BIGINT) AS files,
    CAST(sum(CASE WHEN a.scope IS NOT NULL THEN h.sized_files END) AS BIGINT) AS sized_files,
    CASE
      WHEN sum(CASE WHEN a.scope IS NOT NULL THEN h.bytes END) > 4611686018427387904 THEN 4611686018427387904
      ELSE CAST(sum(CASE WHEN a.scope IS NOT NULL THEN h.bytes END) AS BIGINT)
    END AS bytes
  FROM held h
  LEFT JOIN active_scopes a ON a.scope = h.provider
  GROUP BY h.population, h."user", h.day
),
reported AS (
  SELECT d."user", CAST(max(d.window_start) AS DATE) AS day
  FROM past_detections d
  JOIN scales s ON s.scope = d.scope
  WHERE d.allowed_by IS NULL
  GROUP BY d."user"
),
placed AS (
  SELECT
    d.*,
    s.scope,
    r.day IS NULL OR d.day > r.day AS is_new,
    CASE
      WHEN date_diff('day', r.day, CAST($day_start AS DATE)) < s.days THEN CAST(r.day + INTERVAL 1 DAY AS TIMESTAMP)
      ELSE CAST(CAST($day_start AS DATE) - (s.days - 1) * INTERVAL 1 DAY AS TIMESTAMP)
    END AS period_start
  FROM daily d
  JOIN scales s ON date_diff('day', d.day, CAST($day_start AS DATE)) < s.days
  LEFT JOIN reported r ON r."user" = d."user"
)
SELECT
  population,
  scope,
  "user",
  min(period_start) AS period_start,
  CAST(coalesce(sum(CASE WHEN is_new THEN files END), 0) AS BIGINT) AS files,
  coalesce(max(CASE WHEN is_new THEN files END), 0) AS largest_files,
  CAST(coalesce(sum(CASE WHEN is_new THEN sized_files END), 0) AS BIGINT) AS sized_files,
  CASE WHEN sum(CASE WHEN is_new THEN bytes END) > 4611686018427387904 THEN 4611686018427387904 ELSE CAST(sum(CASE WHEN is_new THEN bytes END) AS BIGINT) END AS bytes,
  max(CASE WHEN is_new THEN bytes END) AS largest_bytes,
  CAST(sum(usual_files) AS BIGINT) AS usual_files,
  max(usual_files) AS largest_usual_files,
  CASE WHEN sum(usual_bytes) > 4611686018427387904 THEN 4611686018427387904 ELSE CAST(sum(usual_bytes) AS BIGINT) END AS usual_bytes,
  max(usual_bytes) AS largest_usual_bytes
FROM placed
GROUP BY population, scope, "user"
ORDER BY "user", scope, population
