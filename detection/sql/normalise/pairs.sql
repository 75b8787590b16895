-- Office 365 logs a save (FileModified) beside an upload of the same file: within five minutes the two are one
-- upload, of the larger size. Each save goes to the upload nearest in time. Days are crossed on purpose.
WITH known AS (
    SELECT event_key, coalesce(user_id, "user") AS who, file_id, operation, min(time) AS time, max(bytes) AS bytes
    FROM events
    WHERE
        brings_content AND NOT is_rejected AND file_id IS NOT NULL
        AND operation IN ('FileUploaded', 'FileSyncUploadedFull', 'FileModified') AND time IS NOT NULL
    GROUP BY ALL
)

SELECT
    edit.event_key AS edit_key,
    arg_min(upload.event_key, struct_pack(distance := abs(epoch(edit.time) - epoch(upload.time)), k := upload.event_key)) AS upload_key,
    max(edit.bytes) AS bytes
FROM known AS edit
INNER JOIN known AS upload
    ON
        edit.who = upload.who AND edit.file_id = upload.file_id
        AND upload.time BETWEEN edit.time - INTERVAL 5 MINUTE AND edit.time + INTERVAL 5 MINUTE
WHERE edit.operation = 'FileModified' AND upload.operation <> 'FileModified'
GROUP BY edit.event_key
