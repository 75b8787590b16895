-- Events that could not be read, with the reason.
SELECT
    provider,
    CAST($day AS DATE) AS day,
    reason,
    event,
    event_key
FROM events
WHERE is_rejected AND counted
ORDER BY reason, event_key, event
