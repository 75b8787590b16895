-- The hours of each alert's windows, and of the days that its long scales add up, each once. An alert's totals, and the
-- properties that a group shares, are sums over them.
-- Reads: openings, all_detections, detected_hours. Only alerts that open at or after $since.
-- A file counts once a day: in its first hour, or if that is not one of the alert's, in an hour where the last earlier
-- hour that saved it is not one of the alert's. saved_files: files that the hour saved, whether they count in it or
-- not.
WITH keys AS (
  SELECT DISTINCT o.opening, h.provider, h."user", h.actor_class, h.hour
  FROM openings o
  JOIN all_detections d ON d."user" = o."user" AND d.window_start >= o.opening AND d.window_start < o.closes
  JOIN detected_hours h
    ON h."user" = d."user"
    AND h.hour >= d.period_start
    AND h.hour < d.window_end
    AND (d.scope IN ('all', 'week', 'month') OR h.provider = d.scope)
  WHERE o.opening >= $since
),
held AS (
  SELECT
    k.opening,
    h.*,
    unnest(range(1, coalesce(length(h.again_files), 0) + 1)) AS hours_before
  FROM keys k
  JOIN detected_hours h
    ON h.provider = k.provider AND h."user" = k."user" AND h.actor_class = k.actor_class AND h.hour = k.hour
  WHERE h.again_files IS NOT NULL
),
returned AS (
  SELECT
    h.opening, h.provider, h."user", h.actor_class, h.hour,
    CAST(sum(h.again_files[h.hours_before] - coalesce(h.again_files[h.hours_before + 1], 0)) AS BIGINT) AS files,
    CAST(sum(h.again_sized_files[h.hours_before] - coalesce(h.again_sized_files[h.hours_before + 1], 0)) AS BIGINT) AS sized_files
  FROM held h
  LEFT JOIN keys b
    ON b.opening = h.opening AND b.provider = h.provider AND b."user" = h."user"
    AND date_diff('hour', b.hour, h.hour) = h.hours_before
  WHERE b.hour IS NULL
  GROUP BY h.opening, h.provider, h."user", h.actor_class, h.hour
)
SELECT
  k.opening, k.provider, k."user", k.actor_class, k.hour,
  h.files + coalesce(r.files, 0) AS files,
  h.files + coalesce(h.again_files[1], 0) AS saved_files,
  h.sized_files + coalesce(r.sized_files, 0) AS sized_files,
  h.bytes, coalesce(h.saves, h.files) AS saves, h.estimated_files, h.estimated_bytes, h.extensions, h.countries, h.apps
FROM keys k
JOIN detected_hours h
  ON h.provider = k.provider AND h."user" = k."user" AND h.actor_class = k.actor_class AND h.hour = k.hour
LEFT JOIN returned r
  ON r.opening = k.opening AND r.provider = k.provider AND r."user" = k."user" AND r.actor_class = k.actor_class AND r.hour = k.hour
