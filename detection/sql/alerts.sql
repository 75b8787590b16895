-- Alerts: one row per opening, with the totals of all detections folded into it and the figures of its rarest window.
-- Reads: openings, all_detections, covered, detected_hours, scales. Only alerts that open at or after $since.
-- files, sized_files, bytes, saves and the estimates are sums over the distinct hours of the alert's windows; peak_*
-- are those of the window, or of the long scale's days, that is rarest in the organisation; its baseline explains the
-- alert. before_*: the user's uploads on as many days before those of a long scale.
WITH folded AS (
  SELECT o.opening, d.*
  FROM openings o
  JOIN all_detections d ON d."user" = o."user" AND d.window_start >= o.opening AND d.window_start < o.closes
  WHERE o.opening >= $since
),
spans AS (
  SELECT
    "user",
    opening,
    min(period_start) AS period_start,
    max(window_end) AS last_window_end,
    count(DISTINCT window_start) - 1 AS suppressed_count,
    max(window_start) AS last_window_start,
    min(CASE WHEN window_start = opening THEN cause END) AS cause
  FROM folded
  GROUP BY "user", opening
),
peaks AS (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY "user", opening
      ORDER BY one_in DESC, score - threshold DESC, window_start, scope
    ) AS place
  FROM folded
),
totals AS (
  SELECT
    "user",
    opening,
    CAST(sum(files) AS BIGINT) AS files,
    CAST(sum(sized_files) AS BIGINT) AS sized_files,
    CASE WHEN sum(bytes) > 4611686018427387904 THEN 4611686018427387904 ELSE CAST(sum(bytes) AS BIGINT) END AS bytes,
    CAST(sum(saves) AS BIGINT) AS saves,
    CAST(sum(estimated_files) AS BIGINT) AS estimated_files,
    CASE WHEN sum(estimated_bytes) > 4611686018427387904 THEN 4611686018427387904 ELSE CAST(sum(estimated_bytes) AS BIGINT) END AS estimated_bytes,
    list(DISTINCT provider ORDER BY provider) AS providers,
    min(actor_class) AS actor_class
  FROM covered
  GROUP BY "user", opening
),
-- Saves and estimates are part of no score, so detections do not have them.
peak_extras AS (
  SELECT
    p."user",
    p.opening,
    CAST(sum(coalesce(h.saves, h.files)) AS BIGINT) AS saves,
    CAST(sum(h.estimated_files) AS BIGINT) AS estimated_files,
    CASE WHEN sum(h.estimated_bytes) > 4611686018427387904 THEN 4611686018427387904 ELSE CAST(sum(h.estimated_bytes) AS BIGINT) END AS estimated_bytes
  FROM peaks p
  JOIN detected_hours h
    ON h."user" = p."user"
    AND h.hour >= p.period_start
    AND h.hour < p.window_end
    AND (p.scope IN ('all', 'week', 'month') OR h.provider = p.scope)
  WHERE p.place = 1
  GROUP BY p."user", p.opening
),
-- As many days before those that a long scale adds up, to compare with.
peak_before AS (
  SELECT
    p."user",
    p.opening,
    CAST(coalesce(sum(h.files), 0) AS BIGINT) AS files,
    CASE WHEN sum(h.bytes) > 4611686018427387904 THEN 4611686018427387904 ELSE CAST(sum(h.bytes) AS BIGINT) END AS bytes
  FROM peaks p
  JOIN scales s ON s.scope = p.scope
  LEFT JOIN detected_hours h
    ON h."user" = p."user"
    AND h.hour >= p.period_start - s.days * INTERVAL 1 DAY
    AND h.hour < p.period_start
  WHERE p.place = 1
  GROUP BY p."user", p.opening
)
SELECT
  sha256(concat_ws('|', s."user", $rule_id, CAST(s.opening AS VARCHAR))) AS alert_id,
  s."user",
  t.actor_class,
  t.providers,
  s.opening AS first_window_start,
  s.period_start,
  s.last_window_end,
  t.files,
  t.sized_files,
  t.bytes,
  t.saves,
  t.estimated_files,
  t.estimated_bytes,
  p.population,
  p.scope,
  p.metric,
  p.score,
  p.threshold,
  p.one_in,
  p.confidence,
  p.parameters,
  p.rules,
  s.cause,
  p.window_start AS peak_window_start,
  p.window_end AS peak_window_end,
  p.period_start AS peak_period_start,
  p.largest_files AS peak_largest_files,
  p.largest_bytes AS peak_largest_bytes,
  b.files AS before_files,
  b.bytes AS before_bytes,
  p.files AS peak_files,
  p.sized_files AS peak_sized_files,
  p.bytes AS peak_bytes,
  e.saves AS peak_saves,
  e.estimated_files AS peak_estimated_files,
  e.estimated_bytes AS peak_estimated_bytes,
  p.baseline_files_windows, p.baseline_files_min, p.baseline_files_sum, p.baseline_files_max,
  p.baseline_bytes_windows, p.baseline_bytes_min, p.baseline_bytes_sum, p.baseline_bytes_max,
  s.suppressed_count,
  CASE WHEN s.suppressed_count > 0 THEN s.last_window_start END AS last_suppressed_at
FROM spans s
JOIN peaks p ON p."user" = s."user" AND p.opening = s.opening AND p.place = 1
JOIN totals t ON t."user" = s."user" AND t.opening = s.opening
JOIN peak_extras e ON e."user" = s."user" AND e.opening = s.opening
LEFT JOIN peak_before b ON b."user" = s."user" AND b.opening = s.opening
ORDER BY s.opening, s."user"
