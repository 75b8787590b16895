-- File types by extension, of the alert and of the user's uploads in the $training_days until the day before it.
-- Reads: subjects, alert_files, usual_files.
WITH uploaded AS (
  SELECT
    alert_id,
    extension,
    count(*) AS files,
    count(CASE WHEN is_sized THEN 1 END) AS sized_files,
    CASE WHEN sum(bytes) > 4611686018427387904 THEN 4611686018427387904 ELSE CAST(sum(bytes) AS BIGINT) END AS bytes,
    CAST(0 AS BIGINT) AS usual_files,
    CAST(NULL AS BIGINT) AS usual_bytes
  FROM alert_files
  GROUP BY alert_id, extension
  UNION ALL
  SELECT
    s.alert_id,
    u.extension,
    CAST(0 AS BIGINT) AS files,
    CAST(0 AS BIGINT) AS sized_files,
    CAST(NULL AS BIGINT) AS bytes,
    count(*) AS usual_files,
    CASE WHEN sum(u.bytes) > 4611686018427387904 THEN 4611686018427387904 ELSE CAST(sum(u.bytes) AS BIGINT) END AS usual_bytes
  FROM subjects s
  JOIN usual_files u ON u."user" = s."user" AND u.time >= s.opens - ($training_days + 1) * INTERVAL 1 DAY AND u.time < s.opens - INTERVAL 1 DAY
  GROUP BY s.alert_id, u.extension
)
SELECT
  alert_id,
  extension,
  CAST(sum(files) AS BIGINT) AS files,
  CAST(sum(sized_files) AS BIGINT) AS sized_files,
  CASE WHEN sum(bytes) > 4611686018427387904 THEN 4611686018427387904 ELSE CAST(sum(bytes) AS BIGINT) END AS bytes,
  CAST(sum(usual_files) AS BIGINT) AS usual_files,
  CASE WHEN sum(usual_bytes) > 4611686018427387904 THEN 4611686018427387904 ELSE CAST(sum(usual_bytes) AS BIGINT) END AS usual_bytes
FROM uploaded
GROUP BY alert_id, extension
ORDER BY alert_id, files DESC, usual_files DESC, extension
