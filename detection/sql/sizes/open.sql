-- Uploads without a size in the log or an earlier look-up, and whether each may decide an alert.
-- Reads: logged_uploads of some days, dated_sizes: file_sizes of those days, and the day of each.
-- An upload is settled once its file was found, or found gone, at least five minutes after it, when the upload is no
-- longer in progress. A denied or rejected look-up may be repeated a day later. An upload without a user on whose
-- behalf to ask is never looked up.
-- Only few uploads are open once sizes were looked up, so what is told about them is looked up for them alone.
WITH answered AS (
  SELECT
    day,
    file_id,
    asked_version,
    max(checked_at) FILTER (WHERE state IN ('found', 'gone')) AS settled_at,
    max(checked_at) FILTER (WHERE state NOT IN ('found', 'gone')) AS refused_at
  FROM dated_sizes
  GROUP BY day, file_id, asked_version
),
unsized AS MATERIALIZED (
  SELECT
    CAST(u.time AS DATE) AS day,
    u."user",
    u.asker,
    u.file_id,
    coalesce(u.version, '') AS version,
    u.time,
    coalesce(u.site_id, '') AS site_id,
    coalesce(u.list_id, '') AS list_id,
    coalesce(u.folder_id, '') AS folder_id,
    u.file_name,
    u.folder,
    u.extension,
    a.refused_at
  FROM logged_uploads u
  LEFT JOIN answered a
    ON a.day = CAST(u.time AS DATE) AND a.file_id = u.file_id AND a.asked_version = coalesce(u.version, '')
  WHERE
    u.bytes IS NULL AND u.file_id IS NOT NULL
    AND NOT coalesce(a.settled_at >= u.time + INTERVAL 5 MINUTE, FALSE)
),
user_days AS (
  SELECT CAST(l.time AS DATE) AS day, l."user", count(*) AS files
  FROM logged_uploads l
  SEMI JOIN unsized s ON CAST(l.time AS DATE) = s.day
  GROUP BY ALL
),
ranked AS (
  SELECT
    day,
    "user",
    files >= $floor_files AND cume_dist() OVER (PARTITION BY day ORDER BY files) > 0.95 AS unusual
  FROM user_days
),
-- Uploads of the file, or of any file with its path, since a recycle bin may identify files by path.
paths AS (
  SELECT l.folder, l.file_name, count(*) AS saves
  FROM logged_uploads l
  SEMI JOIN unsized s ON l.folder = s.folder AND l.file_name = s.file_name
  GROUP BY l.folder, l.file_name
),
uploads_of_files AS (
  SELECT l.file_id, l.folder, l.file_name
  FROM logged_uploads l
  SEMI JOIN unsized s ON l.file_id = s.file_id
),
saved AS (
  SELECT u.file_id, greatest(count(*), coalesce(max(p.saves), 0)) AS saves
  FROM uploads_of_files u
  LEFT JOIN paths p ON p.folder = u.folder AND p.file_name = u.file_name
  GROUP BY u.file_id
)
SELECT
  u.day,
  u.asker,
  u.file_id,
  u.version,
  u.time,
  u.site_id,
  u.list_id,
  u.folder_id,
  coalesce(u.file_name, '') AS file_name,
  coalesce(u.folder, '') AS folder,
  s.saves,
  -- Stolen data is often in archives, media, disk images and dumps of databases and mailboxes.
  u.extension IN (
    '7z', 'ace', 'arj', 'bz2', 'cab', 'gz', 'lz', 'lz4', 'lzma', 'rar', 'tar', 'tbz2', 'tgz', 'txz', 'xz', 'z',
    'zip', 'zipx', 'zst',
    'avi', 'braw', 'flac', 'm2ts', 'm4v', 'mkv', 'mov', 'mp4', 'mpeg', 'mpg', 'mts', 'mxf', 'r3d', 'wav', 'webm',
    'wmv',
    'dmg', 'e01', 'img', 'iso', 'ova', 'qcow2', 'vdi', 'vhd', 'vhdx', 'vmdk', 'wim',
    'accdb', 'bak', 'bson', 'db', 'dmp', 'dump', 'edb', 'ldf', 'mdb', 'mdf', 'ndf', 'nsf', 'ost', 'parquet', 'pst',
    'sql', 'sqlite', 'sqlite3'
  ) AS decisive,
  r.unusual,
  CASE
    WHEN u.asker IS NULL THEN 'nobody to ask as'
    WHEN u.refused_at > $now - INTERVAL 1 DAY THEN 'refused within a day'
    WHEN u.time > $now - INTERVAL 5 MINUTE THEN 'too fresh'
    ELSE 'open'
  END AS state
FROM unsized u
JOIN ranked r ON r.day = u.day AND r."user" = u."user"
JOIN saved s ON s.file_id = u.file_id
