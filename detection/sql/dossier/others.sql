-- What others did with the files of each alert after its opening: somebody else may fetch files that the user staged.
-- Reads: subjects, alert_files, activity.
WITH spans AS (
  SELECT alert_id, min(opens) AS opens, max(until) AS until
  FROM subjects
  GROUP BY alert_id
),
own_files AS (
  SELECT alert_id, provider, file_id, min("user") AS "user"
  FROM alert_files
  WHERE file_id IS NOT NULL
  GROUP BY alert_id, provider, file_id
),
acts AS (
  SELECT
    f.alert_id,
    a.kind,
    a."user",
    count(*) AS number,
    count(DISTINCT a.file_id) AS files,
    min(a.time) AS first_time
  FROM own_files f
  JOIN spans s ON s.alert_id = f.alert_id
  JOIN activity a ON a.provider = f.provider AND a.file_id = f.file_id AND a.time >= s.opens AND a.time < s.until
  WHERE a."user" <> f."user" AND a.kind IN ('download', 'share_external', 'delete')
  GROUP BY f.alert_id, a.kind, a."user"
),
placed AS (
  SELECT
    *,
    row_number() OVER (PARTITION BY alert_id ORDER BY number DESC, kind, "user") AS nth,
    count(*) OVER (PARTITION BY alert_id) AS of_rows
  FROM acts
)
SELECT * EXCLUDE (nth)
FROM placed
WHERE nth <= $most_places
ORDER BY alert_id, nth
