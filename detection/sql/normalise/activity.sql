-- The activity of the day, each event once.
SELECT
    $provider AS provider,
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
WHERE is_activity
-- As uploads are.
ORDER BY time, hash(event_key)
