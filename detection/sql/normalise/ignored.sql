-- How many events are neither uploads nor activity nor rejects, by the reason.
SELECT reason, count(*) AS events
FROM events
WHERE reason IS NOT NULL AND NOT is_rejected AND counted
GROUP BY reason
ORDER BY reason
