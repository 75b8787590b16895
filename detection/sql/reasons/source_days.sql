-- Days of which a provider's log has events, whoever acted.
-- Reads: uploads, activity.
SELECT DISTINCT provider, date_trunc('day', time) AS day
FROM uploads
UNION
SELECT DISTINCT provider, date_trunc('day', time) AS day
FROM activity
