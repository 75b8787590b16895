-- first_country, first_network: a place new for the user, where others are known.
-- Reads: sightings. Who meets new networks all the time, as on the road, is not told by one more.
WITH places AS (
  SELECT alert_id, 'first_country' AS name, country AS place, time, is_sign
  FROM sightings
  WHERE country IS NOT NULL AND (is_sign OR is_usual)
  UNION ALL
  SELECT alert_id, 'first_network' AS name, network AS place, time, is_sign
  FROM sightings
  WHERE network IS NOT NULL AND (is_sign OR is_usual)
),
firsts AS (
  SELECT alert_id, name, place, min(time) AS first_seen, min(CASE WHEN is_sign THEN 1 ELSE 0 END) AS is_new
  FROM places
  GROUP BY alert_id, name, place
),
usual AS (
  SELECT alert_id, name, count(*) AS number, string_agg(place, ', ' ORDER BY place) AS places
  FROM firsts
  WHERE is_new = 0
  GROUP BY alert_id, name
)
SELECT
  f.alert_id,
  f.name,
  concat(
    'first seen in ', string_agg(f.place, ', ' ORDER BY f.place), ' at ',
    strftime(min(f.first_seen), '%Y-%m-%d %H:%M'), ' UTC; in the 30 days before only in ', min(u.places)
  ) AS evidence
FROM firsts f
JOIN usual u ON u.alert_id = f.alert_id AND u.name = f.name
WHERE f.is_new = 1 AND (f.name = 'first_country' OR u.number < $many_networks)
GROUP BY f.alert_id, f.name
