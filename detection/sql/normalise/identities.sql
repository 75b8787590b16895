-- Key and time of the event in each line, whatever its day: one row per line. Events that normalisation would reject
-- (see events.sql) have the same reason here.
WITH dated AS (
    SELECT
        *,
        coalesce(event, unreadable) AS text,
        -- As in events.sql.
        make_timestamp(epoch_us(TRY_CAST(time_text AS TIMESTAMPTZ))) AS time_read
    FROM classified
    WHERE counted
)

SELECT
    file,
    text,
    time_read AS time,
    CASE
        WHEN event_id <> '' THEN event_id
        WHEN is_object THEN concat('sha256-', sha256(CAST(event AS VARCHAR)))
    END AS event_key,
    CASE
        WHEN by_text AND event IS NULL THEN 'not JSON'
        WHEN NOT is_object THEN 'not a JSON object'
        WHEN operation IS NULL OR operation = '' THEN 'does not tell what happened'
        WHEN time_read >= TIMESTAMP '1990-01-01 00:00:00' AND time_read < TIMESTAMP '2200-01-01 00:00:00' THEN NULL
        ELSE 'time cannot be read'
    END AS rejected_because
FROM dated
