-- The activity of the day, each event once.
SELECT
    provider,
    event_key,
    time,
    user_id,
    "user",
    actor_class,
    kind,
    operation,
    file_id,
    file_name,
    app,
    ip,
    country,
    detail
FROM once
WHERE outcome = 'activity'
-- As uploads are.
ORDER BY time, hash(event_key)
