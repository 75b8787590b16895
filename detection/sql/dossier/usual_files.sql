-- What the users of alerts uploaded at other times: each file once a day, as by its largest save.
-- Reads: uploads.
WITH named AS (
  SELECT
    *,
    CASE
      WHEN file_id IS NOT NULL THEN concat('id:', file_id)
      WHEN folder IS NOT NULL AND file_name IS NOT NULL THEN concat('path:', folder, '/', file_name)
      ELSE concat('event:', event_key, ':', asset)
    END AS file
  FROM uploads
),
placed AS (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY provider, "user", CAST(time AS DATE), file ORDER BY bytes DESC NULLS LAST, time, event_key, asset
    ) AS place
  FROM named
)
SELECT * EXCLUDE (place)
FROM placed
WHERE place = 1
