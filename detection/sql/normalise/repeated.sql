-- Uploads and activity that were delivered more than once, which are few. Numbers group faster than texts, so keys are
-- compared only where their hashes are equal.
WITH met AS (
    SELECT hash(event_key, asset) AS key_hash
    FROM events
    WHERE reason IS NULL
    GROUP BY hash(event_key, asset)
    HAVING count(*) > 1
)

SELECT event_key
FROM events
WHERE reason IS NULL AND hash(event_key, asset) IN (SELECT met.key_hash FROM met)
GROUP BY event_key, asset
HAVING count(*) > 1
