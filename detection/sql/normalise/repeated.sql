-- The events that were delivered more than once: few.
SELECT event_key, count(*) AS deliveries
FROM events
WHERE outcome IN ('upload', 'activity') AND counted
GROUP BY event_key
HAVING count(*) > 1
