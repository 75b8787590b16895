-- Scores of the windows of $window_hours that start on one day (every hour, UTC), and of the long sums up to its end, that
-- reach a floor.
-- Reads: user_hours of the day and the next, baselines of the day (alone), period_totals, active_scopes, scales.
-- score = (m - user's centre) / user's spread                                     unusual for the user,
--       + $beyond_weight * (m - the user's largest m) * n / (n + $prior_windows)    beyond the user's largest,
--       + $newcomer_weight * (m - the usual largest m) * $prior_windows / (n + $prior_windows)
--                                                                   and beyond what users here reach at most,
-- the second and the third only where above; n active windows of the user say how far each is trusted. NULL where the
-- metric is under its floor, not above what is usual for the user, or (bytes) where no file of the window has a known
-- size. Usual is up to the centre, and up to the user's own mean and $least_spread more once $prior_windows active
-- windows are known: a job that does every night what it always did is no news, however large it is for others. To stay
-- below the user's largest is no excuse: whoever grows day by day is never far above yesterday.
-- No score before the scope has $warm_up_days days of history: the baselines of the first days know too little, and
-- their scores would raise the thresholds for a month.
-- A provider is its own scope; the scope 'all' is for windows in which two or more active providers meet.
-- m of a window is log10(files + 1) or log10(bytes + 1000); of a long sum likewise, without its largest day.
-- is_newcomer: with uploads on fewer than three of the training days, there is next to nothing of their own to compare with.
-- A file counts once in a window: of the hours after its first, those count that the window's hours before did not save.
WITH hours AS (
  SELECT population, "user", provider, hour, files, sized_files, bytes, again_files, again_sized_files
  FROM user_hours
  WHERE population IS NOT NULL AND hour >= $day_start AND hour < $day_end + ($window_hours - 1) * INTERVAL 1 HOUR
),
slid AS (
  SELECT
    h.population, h."user", h.provider, h.bytes, h.hour - p.hours * INTERVAL 1 HOUR AS window_start,
    h.files + coalesce(h.again_files[p.hours + 1], 0) AS files,
    h.sized_files + coalesce(h.again_sized_files[p.hours + 1], 0) AS sized_files
  FROM hours h
  CROSS JOIN (SELECT unnest(range($window_hours)) AS hours) p
),
windows AS (
  SELECT
    population,
    provider AS scope,
    "user",
    window_start,
    CAST(sum(files) AS BIGINT) AS files,
    CAST(sum(sized_files) AS BIGINT) AS sized_files,
    CASE WHEN sum(bytes) > 4611686018427387904 THEN 4611686018427387904 ELSE CAST(sum(bytes) AS BIGINT) END AS bytes
  FROM slid
  WHERE window_start >= $day_start AND window_start < $day_end
  GROUP BY population, provider, "user", window_start
  UNION ALL
  SELECT
    population,
    'all' AS scope,
    "user",
    window_start,
    CAST(sum(files) AS BIGINT) AS files,
    CAST(sum(sized_files) AS BIGINT) AS sized_files,
    CASE WHEN sum(bytes) > 4611686018427387904 THEN 4611686018427387904 ELSE CAST(sum(bytes) AS BIGINT) END AS bytes
  FROM slid
  WHERE
    window_start >= $day_start AND window_start < $day_end
    AND provider IN (SELECT scope FROM active_scopes)
  GROUP BY population, "user", window_start
  HAVING count(DISTINCT provider) > 1
),
measured AS (
  SELECT
    w.*,
    w.window_start AS period_start,
    CAST(NULL AS BIGINT) AS largest_files,
    CAST(NULL AS BIGINT) AS largest_bytes,
    CASE WHEN w.files >= $floor_files THEN CAST(round(10000 * log10(w.files + 1)) AS BIGINT) / 10000.0 END AS m_files,
    CASE WHEN w.bytes >= $floor_bytes THEN CAST(round(10000 * log10(w.bytes + 1000)) AS BIGINT) / 10000.0 END AS m_bytes
  FROM windows w
  WHERE w.files >= $floor_files OR w.bytes >= $floor_bytes
  UNION ALL
  SELECT
    p.population,
    p.scope,
    p."user",
    CAST($day_start AS TIMESTAMP) AS window_start,
    p.files,
    p.sized_files,
    p.bytes,
    p.period_start,
    p.largest_files,
    p.largest_bytes,
    CASE WHEN p.summed_files >= s.floor_files THEN CAST(round(10000 * log10(p.summed_files + 1)) AS BIGINT) / 10000.0 END AS m_files,
    CASE WHEN p.summed_bytes >= s.floor_bytes THEN CAST(round(10000 * log10(p.summed_bytes + 1000)) AS BIGINT) / 10000.0 END AS m_bytes
  FROM period_totals p
  JOIN scales s ON s.scope = p.scope
  WHERE p.summed_files >= s.floor_files OR p.summed_bytes >= s.floor_bytes
),
compared AS (
  SELECT
    m.population, m.scope, m."user", m.window_start, m.period_start, m.files, m.sized_files, m.bytes,
    m.largest_files, m.largest_bytes,
    coalesce(u.files_windows, 0) AS baseline_windows,
    m.population = 'people' AND coalesce(a.active_days, 0) < 3 AS is_newcomer,
    m.m_files > CASE
      WHEN u.files_windows >= $prior_windows THEN 1.0 * u.files_s1 / u.files_windows / 10000.0 + $least_spread
      ELSE coalesce(u.files_centre, o.files_centre)
    END AS files_unusual,
    (m.m_files - coalesce(u.files_centre, o.files_centre)) / coalesce(u.files_spread, o.files_newcomer_spread) AS files_own,
    greatest(coalesce(m.m_files - log10(u.files_max + 1), 0), 0) AS files_beyond,
    greatest(coalesce(m.m_files - o.files_max_centre, 0), 0) AS files_beyond_others,
    1.0 * coalesce(u.files_windows, 0) / (coalesce(u.files_windows, 0) + $prior_windows) AS files_known,
    m.m_bytes > CASE
      WHEN u.bytes_windows >= $prior_windows THEN 1.0 * u.bytes_s1 / u.bytes_windows / 10000.0 + $least_spread
      ELSE coalesce(u.bytes_centre, o.bytes_centre)
    END AS bytes_unusual,
    (m.m_bytes - coalesce(u.bytes_centre, o.bytes_centre)) / coalesce(u.bytes_spread, o.bytes_newcomer_spread) AS bytes_own,
    greatest(coalesce(m.m_bytes - log10(u.bytes_max + 1000), 0), 0) AS bytes_beyond,
    greatest(coalesce(m.m_bytes - o.bytes_max_centre, 0), 0) AS bytes_beyond_others,
    1.0 * coalesce(u.bytes_windows, 0) / (coalesce(u.bytes_windows, 0) + $prior_windows) AS bytes_known
  FROM measured m
  JOIN baselines o ON o.population = m.population AND o.scope = m.scope AND o."user" IS NULL AND o.history_days >= $warm_up_days
  LEFT JOIN baselines u ON u.population = m.population AND u.scope = m.scope AND u."user" = m."user"
  LEFT JOIN baselines a ON a.population = m.population AND a.scope = 'all' AND a."user" = m."user"
)
SELECT
  population, scope, "user", window_start, period_start, files, sized_files, bytes, largest_files, largest_bytes,
  baseline_windows, is_newcomer,
  CASE WHEN files_unusual THEN round(files_own + $beyond_weight * files_beyond * files_known + $newcomer_weight * files_beyond_others * (1 - files_known), 6) END AS files_score,
  CASE WHEN bytes_unusual THEN round(bytes_own + $beyond_weight * bytes_beyond * bytes_known + $newcomer_weight * bytes_beyond_others * (1 - bytes_known), 6) END AS bytes_score
FROM compared
WHERE files_unusual OR bytes_unusual
ORDER BY "user", window_start, scope
