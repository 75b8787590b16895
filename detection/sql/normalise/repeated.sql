-- The events that were delivered more than once: few.
SELECT event_key, count(*) AS deliveries
FROM events
WHERE (is_upload OR is_activity) AND counted
GROUP BY event_key
HAVING count(*) > 1
