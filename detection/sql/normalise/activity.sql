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
FROM events
WHERE reason IS NULL AND NOT brings_content
