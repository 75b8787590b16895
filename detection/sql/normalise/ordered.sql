-- Events in storage order: uploads first, then activity, then the rest. Ordered by the key's hash instead of the key,
-- since a number sorts faster than a text.
SELECT *
FROM unordered
ORDER BY reason IS NOT NULL, NOT brings_content, time, hash(event_key), asset
