-- The saves of each alert: the uploads that its detections counted, on a long scale those of the days added up at all
-- sources; with the file of each, and its growth beyond the largest earlier version of the day.
-- Reads: subjects, saved_files, detections.
WITH named AS (
  SELECT
    *,
    actor_class = 'service' OR (actor_class = 'app' AND NOT has_address) AS is_service
  FROM saved_files
  WHERE actor_class IN ('person', 'guest', 'service', 'app')
),
marked AS (
  SELECT
    *,
    max(bytes) OVER (
      PARTITION BY provider, "user", is_service, day, file ORDER BY time, event_key, asset
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS largest_before
  FROM named
)
SELECT
  s.alert_id,
  s.opens,
  u.provider,
  u.event_key,
  u.asset,
  u.time,
  u.day,
  u.file,
  u.user_id,
  u."user",
  u.file_id,
  u.file_name,
  u.extension,
  u.folder,
  u.owner,
  u.label,
  u.visibility,
  u.bytes,
  CASE
    WHEN u.largest_before IS NULL THEN u.bytes
    WHEN u.bytes > u.largest_before THEN u.bytes - u.largest_before
    WHEN u.bytes IS NOT NULL THEN 0
  END AS added_bytes,
  u.app,
  u.app_id
FROM subjects s
JOIN marked u ON u."user" = s."user" AND u.time >= s.opens AND u.time < s.ends
WHERE
  EXISTS (
    SELECT 1
    FROM detections d
    WHERE
      d."user" = u."user"
      AND d.allowed_by IS NULL
      AND d.window_start >= s.opened
      AND d.window_end <= s.ends
      AND u.time >= coalesce(d.period_start, d.window_start)
      AND u.time < d.window_end
      AND (d.scope IN ('all', 'week', 'month') OR d.scope = u.provider)
  )
