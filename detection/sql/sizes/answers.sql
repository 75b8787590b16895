-- Sizes that the log lacks, from look-ups.
-- Reads: logged_uploads and file_sizes of the same days.
-- If the log names the version, only that version counts. Else a version belongs to the save nearest in time: a version
-- saved over an upload belongs to the later save, however soon that came. A version may be ten seconds younger than its
-- save, since clocks differ (a save without a record would come later). It may be older only if no other save can be
-- meant, since a sync client may set the time of the file on its disk. A version that follows a missing one (gone, with
-- the time of the next) must not be younger at all: the missing one may be the save's.
-- The size of a later version is not the size of the upload, which may have been larger. left_bytes: the newest known
-- version made after the upload.
WITH moments AS (
  SELECT DISTINCT file_id, time
  FROM logged_uploads
  WHERE file_id IS NOT NULL
),
saves AS (
  SELECT
    file_id,
    time,
    lag(time) OVER (PARTITION BY file_id ORDER BY time) AS time_before,
    lead(time) OVER (PARTITION BY file_id ORDER BY time) AS time_after
  FROM moments
),
unsized AS (
  SELECT u.event_key, u.asset, u.file_id, u.version, u.time, s.time_before, s.time_after
  FROM logged_uploads u
  INNER JOIN saves s ON s.file_id = u.file_id AND s.time = u.time
  WHERE u.bytes IS NULL
),
holes AS (
  SELECT DISTINCT file_id, modified_at
  FROM file_sizes
  WHERE state = 'gone' AND version <> ''
),
looked_up AS (
  SELECT
    u.event_key,
    u.asset,
    s.state,
    s.bytes,
    CASE WHEN s.modified_at > u.time THEN s.modified_at END AS made_after,
    CASE
      WHEN u.version IS NOT NULL AND s.version <> '' THEN s.version = u.version
      ELSE
        s.modified_at <= u.time + CASE WHEN h.file_id IS NULL THEN INTERVAL 10 SECOND ELSE INTERVAL 0 SECOND END
        AND (u.time_after IS NULL OR s.modified_at <= u.time + (u.time_after - u.time) / 2)
        AND (u.time_before IS NULL OR s.modified_at > u.time_before + (u.time - u.time_before) / 2)
        AND (
          (u.time_before IS NULL AND u.time_after IS NULL)
          OR s.modified_at >= u.time - INTERVAL 5 MINUTE
        )
    END AS is_the_upload
  FROM unsized u
  INNER JOIN file_sizes s
    ON s.file_id = u.file_id AND (s.checked_at >= u.time OR s.version = u.version)
  LEFT JOIN holes h ON h.file_id = s.file_id AND h.modified_at = s.modified_at
  WHERE
    (s.state = 'gone' AND s.version = '')
    OR (s.state = 'found' AND s.bytes BETWEEN 0 AND 1125899906842624)
),
summed AS (
  SELECT
    event_key,
    asset,
    max(CASE WHEN state = 'found' AND is_the_upload THEN bytes END) AS bytes,
    count(CASE WHEN state = 'found' THEN 1 END) AS found,
    arg_max(CASE WHEN state = 'found' THEN bytes END, made_after) AS left_bytes
  FROM looked_up
  GROUP BY event_key, asset
)
SELECT
  event_key,
  asset,
  bytes,
  left_bytes,
  CASE WHEN bytes IS NOT NULL THEN 'recovered' WHEN found > 0 THEN 'later_version' ELSE 'gone' END AS size_source
FROM summed
