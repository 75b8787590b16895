-- Whether the files were downloaded just before: downloads by the same user of files with the same names, within the
-- seven days before and before the last upload of that name.
-- Reads: subjects, alert_files, activity.
WITH named AS (
  SELECT alert_id, "user", file_name, count(*) AS files, max(last_time) AS last_time
  FROM alert_files
  WHERE file_name IS NOT NULL
  GROUP BY alert_id, "user", file_name
),
downloads AS (
  SELECT s.alert_id, a."user", a.file_name, min(a.time) AS first_time, min(a.provider) AS provider
  FROM subjects s
  JOIN activity a ON a."user" = s."user" AND a.time >= s.signs_from AND a.time < s.ends
  WHERE a.kind = 'download'
  GROUP BY s.alert_id, a."user", a.file_name
),
matched AS (
  SELECT
    n.alert_id, n.file_name, n.files, d.first_time, d.provider,
    row_number() OVER (PARTITION BY n.alert_id ORDER BY n.files DESC, n.file_name) AS place
  FROM named n
  JOIN downloads d
    ON d.alert_id = n.alert_id AND d."user" = n."user" AND d.file_name = n.file_name AND d.first_time < n.last_time
)
SELECT
  alert_id,
  CAST(sum(files) AS BIGINT) AS files,
  min(first_time) AS first_time,
  list(DISTINCT provider ORDER BY provider) AS providers,
  list(file_name ORDER BY place) FILTER (WHERE place <= $most_examples) AS examples
FROM matched
GROUP BY alert_id
ORDER BY alert_id
