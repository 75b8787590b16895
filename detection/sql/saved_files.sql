-- Saves with the file that each is of, by which a file counts once a day: known by its id, else by its path. Without either
-- each save counts: a name is chosen by its bearer.
-- Reads: uploads.
SELECT
  *,
  CAST(time AS DATE) AS day,
  CASE
    WHEN file_id IS NOT NULL THEN concat('id:', file_id)
    WHEN folder IS NOT NULL AND file_name IS NOT NULL THEN concat('path:', folder, '/', file_name)
    ELSE concat('event:', event_key, ':', asset)
  END AS file
FROM uploads
