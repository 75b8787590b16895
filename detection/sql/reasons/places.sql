-- first_country, first_network: a new place for a user with known places.
-- Reads: sightings. A user who often has new networks, such as a traveller, gets no sign for one more. A usual network
-- is not in a new country only because another source now locates it. An address that is no place is never new, but the
-- organisation's own networks count as known networks.
WITH places AS (
  SELECT e.alert_id, 'first_country' AS name, e.country AS place, e.time, e.is_sign
  FROM sightings e
  WHERE
    e.country IS NOT NULL
    AND (
      e.is_usual
      OR e.is_sign AND NOT EXISTS (
        SELECT 1
        FROM sightings u
        WHERE u.alert_id = e.alert_id AND u.is_usual AND u.network = e.network AND u.located_by <> e.located_by
      )
    )
  UNION ALL
  SELECT alert_id, 'first_network' AS name, network AS place, time, is_sign
  FROM sightings
  WHERE network IS NOT NULL AND is_place AND (is_sign OR is_usual)
  UNION ALL
  SELECT alert_id, 'first_network' AS name, 'networks listed as trusted' AS place, time, is_sign
  FROM sightings
  WHERE kind = 'trusted' AND is_usual
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
    strftime(min(f.first_seen), '%Y-%m-%d %H:%M'), ' UTC; in the ', $training_days, ' days before only in ', min(u.places)
  ) AS evidence
FROM firsts f
JOIN usual u ON u.alert_id = f.alert_id AND u.name = f.name
WHERE f.is_new = 1 AND (f.name = 'first_country' OR u.number < $many_networks)
GROUP BY f.alert_id, f.name
