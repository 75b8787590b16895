-- overwritten_after_upload, deleted_after_upload: a version of the alert's files was removed within a day.
-- Reads: spans, uploads, activity.
-- A file is overwritten if its last version is less than a tenth as large as its largest. The last version is that of
-- the log, or a later one from a look-up, since a record may stand for several saves. A file is also overwritten if a
-- version was saved over before its size was known, and the known sizes are less than a tenth of the usual size of such
-- a file. Autosave also overwrites, but does not shrink a file. A file is deleted only if the log has a deletion: a
-- look-up may fail to find a file for other reasons, such as an address that has a new holder. The sign needs three
-- files and a tenth of the alert's files, or half of them: single files are deleted every day.
-- Only two days after the day of the opening count, so that an alert does not depend on the range of its run.
WITH saves AS (
  SELECT
    s.alert_id,
    s."user",
    s.signs_to,
    least(s.signs_to + INTERVAL 1 DAY, date_trunc('day', s.opens) + INTERVAL 3 DAY) AS reach,
    u.provider,
    u.file_id,
    u.time,
    u.bytes,
    u.size_source,
    u.estimated_bytes,
    u.left_bytes,
    row_number() OVER (
      PARTITION BY s.alert_id, u.provider, u.file_id ORDER BY u.bytes IS NULL, u.time DESC, u.bytes
    ) AS from_last
  FROM spans s
  JOIN uploads u
    ON u."user" = s."user"
    AND u.time >= s.opens
    AND u.time < least(s.signs_to + INTERVAL 1 DAY, date_trunc('day', s.opens) + INTERVAL 3 DAY)
  WHERE u.file_id IS NOT NULL
),
files AS (
  SELECT
    alert_id,
    "user",
    provider,
    file_id,
    min(reach) AS reach,
    min(time) AS first_time,
    max(time) AS last_time,
    max(bytes) AS largest,
    max(CASE WHEN from_last = 1 THEN coalesce(left_bytes, bytes) END) AS last_bytes,
    count(CASE WHEN size_source = 'later_version' THEN 1 END) AS lost,
    max(CASE WHEN size_source = 'later_version' THEN coalesce(estimated_bytes, 1000000) END) AS usual,
    count(CASE WHEN size_source IN ('gone', 'estimated') THEN 1 END) AS gone
  FROM saves
  GROUP BY alert_id, "user", provider, file_id
  HAVING min(time) < min(signs_to)
),
deletions AS (
  SELECT f.alert_id, f.provider, f.file_id, min(a.time) AS time
  FROM files f
  JOIN activity a
    ON a."user" = f."user"
    AND a.provider = f.provider
    AND a.file_id = f.file_id
    AND a.time >= f.first_time
    AND a.time < f.reach
  WHERE a.kind = 'delete'
  GROUP BY f.alert_id, f.provider, f.file_id
),
flagged AS (
  SELECT
    f.*,
    d.time AS deleted_at,
    f.largest >= 1000000 AND f.largest > 10 * f.last_bytes AS is_shrunk,
    f.lost > 0 AND f.usual > 10 * coalesce(f.largest, 0) AS is_lost
  FROM files f
  LEFT JOIN deletions d ON d.alert_id = f.alert_id AND d.provider = f.provider AND d.file_id = f.file_id
),
counted AS (
  SELECT
    alert_id,
    count(*) AS files,
    count(CASE WHEN is_shrunk OR is_lost THEN 1 END) AS overwritten,
    count(CASE WHEN is_lost THEN 1 END) AS lost,
    sum(CASE WHEN is_shrunk THEN largest ELSE 0 END) AS bytes_before,
    sum(CASE WHEN is_shrunk THEN last_bytes ELSE 0 END) AS bytes_after,
    min(CASE WHEN is_shrunk OR is_lost THEN concat(strftime(last_time, '%Y-%m-%d %H:%M'), ' UTC (', provider, ')') END)
      AS overwritten_first,
    count(deleted_at) AS deleted,
    count(CASE WHEN deleted_at IS NOT NULL AND gone > 0 THEN 1 END) AS gone,
    min(CASE
      WHEN deleted_at IS NOT NULL THEN concat(', first at ', strftime(deleted_at, '%Y-%m-%d %H:%M'), ' UTC (', provider, ')')
    END) AS deleted_first
  FROM flagged
  GROUP BY alert_id
)
SELECT
  alert_id,
  'overwritten_after_upload' AS name,
  concat(
    overwritten, ' of ', files, ' files overwritten within a day by far smaller versions, first at ', overwritten_first,
    CASE
      WHEN overwritten > lost
        THEN concat(': ', round(bytes_before / 1e9, 1), ' GB became ', round(bytes_after / 1e9, 1), ' GB')
      ELSE ''
    END,
    CASE WHEN lost > 0 THEN concat('; of ', lost, ' the size before is not known') ELSE '' END
  ) AS evidence
FROM counted
WHERE (overwritten >= $removed_files AND 10 * overwritten >= files) OR (overwritten > 0 AND 2 * overwritten >= files)
UNION ALL
SELECT
  alert_id,
  'deleted_after_upload' AS name,
  concat(
    deleted, ' of ', files, ' files deleted within a day', coalesce(deleted_first, ''),
    CASE WHEN gone > 0 THEN concat('; ', gone, ' of them before every size was known') ELSE '' END
  ) AS evidence
FROM counted
WHERE (deleted >= $removed_files AND 10 * deleted >= files) OR (deleted > 0 AND 2 * deleted >= files)
