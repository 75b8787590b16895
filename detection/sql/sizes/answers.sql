-- What the look-ups know of the sizes that the log does not carry.
-- Reads: logged_uploads and file_sizes of the same days.
WITH unsized AS (
  SELECT event_key, asset, file_id, version, time
  FROM logged_uploads
  WHERE bytes IS NULL AND file_id IS NOT NULL
),
looked_up AS (
  SELECT
    u.event_key,
    u.asset,
    s.state,
    s.modified_at,
    s.bytes,
    -- Where the log names the version, that alone tells; else the time at which the version was made.
    CASE
      WHEN u.version IS NOT NULL AND s.version <> '' THEN s.version = u.version
      ELSE s.modified_at <= u.time + INTERVAL 5 MINUTE
    END AS is_the_upload
  FROM unsized u
  INNER JOIN file_sizes s
    ON s.file_id = u.file_id AND (s.checked_at >= u.time OR s.version = u.version)
  WHERE s.state = 'gone' OR (s.state = 'found' AND s.bytes BETWEEN 0 AND 1125899906842624)
),
summed AS (
  SELECT
    event_key,
    asset,
    arg_max(bytes, modified_at) FILTER (WHERE state = 'found' AND is_the_upload) AS at_upload,
    coalesce(
      arg_min(bytes, modified_at) FILTER (WHERE state = 'found' AND NOT is_the_upload),
      max(bytes) FILTER (WHERE state = 'found' AND is_the_upload IS NULL)
    ) AS later
  FROM looked_up
  GROUP BY event_key, asset
)
SELECT
  event_key,
  asset,
  coalesce(at_upload, later) AS bytes,
  CASE
    WHEN at_upload IS NOT NULL THEN 'recovered'
    WHEN later IS NOT NULL THEN 'later_version'
    ELSE 'gone'
  END AS size_source
FROM summed
