-- Uploads of the users of alerts at other times: each file once a day, with its largest save.
-- Reads: saved_files.
WITH placed AS (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY provider, "user", day, file ORDER BY bytes DESC NULLS LAST, time, event_key, asset
    ) AS place
  FROM saved_files
)
SELECT * EXCLUDE (place, day)
FROM placed
WHERE place = 1
