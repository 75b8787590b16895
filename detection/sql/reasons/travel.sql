-- impossible_travel: the user was seen in two countries too far apart for the time between.
-- Reads: spans, placed (people alone: an application's server stands anywhere), countries (centre and radius of a
-- circle as large as the country). The distance is from centre to centre minus both radii, so that neighbouring
-- countries are never far apart. A network is in one place, even if two sources locate it differently.
-- A user with the same hop in the usual days before has a tunnel that ends abroad, not a thief.
WITH located AS (
  SELECT DISTINCT e."user", e.time, e.provider, e.country, e.network, e.located_by, c.latitude, c.longitude, c.radius_km
  FROM placed e
  JOIN countries c ON c.country = e.country
  WHERE e.actor_class IN ('person', 'guest')
),
hops AS (
  SELECT
    "user",
    time,
    provider,
    country,
    network,
    located_by,
    latitude,
    longitude,
    radius_km,
    lag(time) OVER in_time AS time_before,
    lag(provider) OVER in_time AS provider_before,
    lag(country) OVER in_time AS country_before,
    lag(network) OVER in_time AS network_before,
    lag(located_by) OVER in_time AS located_by_before,
    lag(latitude) OVER in_time AS latitude_before,
    lag(longitude) OVER in_time AS longitude_before,
    lag(radius_km) OVER in_time AS radius_before
  FROM located
  WINDOW in_time AS (PARTITION BY "user" ORDER BY time, country, provider, network)
),
measured AS (
  SELECT
    *,
    12742 * asin(least(1.0, sqrt(
      pow(sin(radians(latitude - latitude_before) / 2), 2)
      + cos(radians(latitude)) * cos(radians(latitude_before)) * pow(sin(radians(longitude - longitude_before) / 2), 2)
    ))) - radius_km - radius_before AS apart_km,
    date_diff('minute', time_before, time) AS minutes
  FROM hops
  WHERE country <> country_before AND NOT coalesce(network = network_before AND located_by <> located_by_before, FALSE)
),
impossible AS (
  SELECT
    s.alert_id,
    m.*,
    least(m.country, m.country_before) AS one_end,
    greatest(m.country, m.country_before) AS other_end,
    m.time >= s.signs_from AS is_sign
  FROM spans s
  JOIN measured m ON m."user" = s."user" AND m.time >= s.usual_from AND m.time < s.signs_to
  WHERE m.apart_km >= $least_km AND m.apart_km * 60 > m.minutes * $kilometres_per_hour
),
usual AS (
  SELECT DISTINCT alert_id, one_end, other_end
  FROM impossible
  WHERE NOT is_sign
),
strange AS (
  SELECT i.*, row_number() OVER (PARTITION BY i.alert_id ORDER BY i.time, i.country, i.country_before) AS place
  FROM impossible i
  LEFT JOIN usual u ON u.alert_id = i.alert_id AND u.one_end = i.one_end AND u.other_end = i.other_end
  WHERE i.is_sign AND u.alert_id IS NULL
)
SELECT
  alert_id,
  'impossible_travel' AS name,
  concat(
    'in ', country_before, ' at ', strftime(time_before, '%Y-%m-%d %H:%M'), ' (', provider_before, '), in ', country,
    ' at ', strftime(time, '%Y-%m-%d %H:%M'), ' UTC (', provider, '): at least ',
    CAST(floor(apart_km / 100) * 100 AS BIGINT), ' km in ', minutes, ' minutes'
  ) AS evidence
FROM strange
WHERE place = 1
