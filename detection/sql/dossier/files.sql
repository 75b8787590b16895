-- The files of each alert: the uploads that its detections counted, each once.
-- Reads: subjects, uploads, detections.
SELECT
  s.alert_id,
  s.opens,
  u.provider,
  u.event_key,
  u.asset,
  u.time,
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
  u.app,
  u.app_id
FROM subjects s
JOIN uploads u ON u."user" = s."user" AND u.time >= s.opens AND u.time < s.ends
WHERE
  u.actor_class IN ('person', 'guest', 'service', 'app')
  AND EXISTS (
    SELECT 1
    FROM detections d
    WHERE
      d."user" = u."user"
      AND d.allowed_by IS NULL
      AND d.window_start >= s.opens
      AND d.window_end <= s.ends
      AND u.time >= d.window_start
      AND u.time < d.window_end
      AND (d.scope = 'all' OR d.scope = u.provider)
  )
