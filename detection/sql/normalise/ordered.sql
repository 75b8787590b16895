-- Events in the order in which uploads and activity are stored: those first, then these, then what is neither. The hash
-- stands for the key: as good an order, and a number sorts faster than a text.
SELECT *
FROM unordered
ORDER BY reason IS NOT NULL, NOT brings_content, time, hash(event_key), asset
