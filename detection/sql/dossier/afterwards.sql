-- What the account did after the opening of the alert: events of each kind, how many of them are about files of the
-- alert, and how many there were in the usual days before. Uploads are those after the alert's end.
-- A file that is saved often counts once a day.
-- Reads: subjects, alert_files, activity, uploads.
WITH acts AS (
  SELECT a."user", a.time, a.kind, a.provider, a.file_id, a.detail, CAST(NULL AS VARCHAR) AS file
  FROM activity a
  WHERE a.kind NOT LIKE 'sign_in%'
  UNION ALL
  -- Several sign-in records in one second are one sign-in.
  SELECT
    a."user", date_trunc('second', a.time) AS time, a.kind, a.provider, min(a.file_id) AS file_id, min(a.detail) AS detail,
    CAST(NULL AS VARCHAR) AS file
  FROM activity a
  WHERE a.kind LIKE 'sign_in%'
  GROUP BY a."user", date_trunc('second', a.time), a.kind, a.provider
  UNION ALL
  SELECT u."user", u.time, 'upload' AS kind, u.provider, u.file_id, CAST(NULL AS VARCHAR) AS detail,
    concat(CAST(u.time AS DATE), coalesce(u.file_id, concat(u.event_key, ':', u.asset))) AS file
  FROM uploads u
),
own_files AS (
  SELECT DISTINCT alert_id, provider, file_id
  FROM alert_files
  WHERE file_id IS NOT NULL
)
SELECT
  s.alert_id,
  a.kind,
  CASE
    WHEN a.kind = 'upload' THEN count(DISTINCT CASE WHEN a.time >= s.opens THEN a.file END)
    ELSE count(CASE WHEN a.time >= s.opens THEN 1 END)
  END AS number,
  CASE
    WHEN a.kind = 'upload' THEN count(DISTINCT CASE WHEN a.time >= s.opens AND f.file_id IS NOT NULL THEN a.file END)
    ELSE count(CASE WHEN a.time >= s.opens AND f.file_id IS NOT NULL THEN 1 END)
  END AS on_files,
  CASE
    WHEN a.kind = 'upload' THEN count(DISTINCT CASE WHEN a.time < s.signs_from THEN a.file END)
    ELSE count(CASE WHEN a.time < s.signs_from THEN 1 END)
  END AS usual,
  min(CASE WHEN a.time >= s.opens THEN a.time END) AS first_time,
  max(CASE WHEN a.time >= s.opens THEN a.time END) AS last_time,
  min(CASE WHEN a.time >= s.opens THEN a.detail END) AS detail
FROM subjects s
JOIN acts a ON a."user" = s."user" AND a.time >= s.usual_from AND a.time < s.until
LEFT JOIN own_files f ON f.alert_id = s.alert_id AND f.provider = a.provider AND f.file_id = a.file_id
WHERE a.kind <> 'upload' OR a.time < s.signs_from OR a.time >= s.ends
GROUP BY s.alert_id, a.kind
HAVING count(CASE WHEN a.time >= s.opens THEN 1 END) > 0
ORDER BY s.alert_id, a.kind
