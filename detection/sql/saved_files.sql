-- Saves with the file of each, so that a file counts once a day. A file is identified by its id, else by its path.
-- Without either, each save counts: a name alone is chosen by the user.
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
