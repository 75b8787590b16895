-- Events, each counted once. One of several deliveries is chosen, independently of their order. A save that is part of
-- an upload gives it its size, and a repeated alert is part of the first.
WITH copies AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY event_key, asset
            ORDER BY brings_content DESC, time, kind, operation, file_id, file_name, bytes, "user", ip, app, file_hash
        ) AS delivery
    FROM events
    WHERE reason IS NULL AND event_key IN (SELECT repeated.event_key FROM repeated)
),

taken AS (
    SELECT * EXCLUDE (delivery) REPLACE (CASE WHEN delivery > 1 THEN 'duplicate delivery' END AS reason)
    FROM copies
    UNION ALL
    SELECT *
    FROM events
    WHERE reason IS NOT NULL OR event_key NOT IN (SELECT repeated.event_key FROM repeated)
),

paired AS (
    SELECT upload_key, max(bytes) AS bytes FROM pairs GROUP BY upload_key
)

SELECT
    taken.* REPLACE (
        CASE
            WHEN taken.reason IS NULL AND taken.event_key IN (SELECT pairs.edit_key FROM pairs)
                THEN 'part of another upload'
            WHEN taken.reason IS NULL AND alerts_again.is_again THEN 'part of another alert'
            ELSE taken.reason
        END AS reason,
        CASE WHEN taken.reason IS NULL THEN coalesce(alerts_again.counted, taken.counted) ELSE taken.counted END AS counted,
        greatest(taken.bytes, paired.bytes) AS bytes
    )
FROM taken
LEFT JOIN paired ON taken.event_key = paired.upload_key AND taken.reason IS NULL
LEFT JOIN alerts_again ON taken.event_key = alerts_again.event_key AND taken.asset = alerts_again.asset
