-- The hours of each alert's windows, each once: what an alert's totals, and what a flood has in common, are summed over.
-- Reads: openings, all_detections, detected_hours. Only alerts that open at or after $since.
WITH keys AS (
  SELECT DISTINCT o.opening, h.provider, h."user", h.actor_class, h.hour
  FROM openings o
  JOIN all_detections d ON d."user" = o."user" AND d.window_start >= o.opening AND d.window_start < o.closes
  JOIN detected_hours h
    ON h."user" = d."user"
    AND h.hour >= d.window_start
    AND h.hour < d.window_end
    AND (d.scope = 'all' OR h.provider = d.scope)
  WHERE o.opening >= $since
)
SELECT
  k.opening, k.provider, k."user", k.actor_class, k.hour,
  h.files, h.sized_files, h.bytes, h.estimated_files, h.estimated_bytes, h.extensions, h.countries, h.apps
FROM keys k
JOIN detected_hours h
  ON h.provider = k.provider AND h."user" = k."user" AND h.actor_class = k.actor_class AND h.hour = k.hour
