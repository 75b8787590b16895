-- Number of events that are neither uploads nor activity nor rejects, by reason.
SELECT reason, count(*) AS events
FROM events
WHERE reason IS NOT NULL AND NOT is_rejected AND counted
GROUP BY reason
ORDER BY reason
