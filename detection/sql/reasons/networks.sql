-- tor_network, hosting_network: the user was active from an address that the operator's file of networks lists as such.
-- Reads: sightings.
WITH listed AS (
  SELECT alert_id, kind, ip, listed, min(time) AS first_seen
  FROM sightings
  WHERE is_sign AND kind IN ('tor', 'hosting')
  GROUP BY alert_id, kind, ip, listed
),
ordered AS (
  SELECT
    *,
    row_number() OVER (PARTITION BY alert_id, kind ORDER BY first_seen, ip) AS place,
    count(*) OVER (PARTITION BY alert_id, kind) AS addresses
  FROM listed
)
SELECT
  alert_id,
  CASE kind WHEN 'tor' THEN 'tor_network' ELSE 'hosting_network' END AS name,
  concat(
    ip, ' at ', strftime(first_seen, '%Y-%m-%d %H:%M'), ' UTC is in ', listed, ', listed as ', kind,
    CASE WHEN addresses > 1 THEN concat('; ', addresses, ' such addresses in all') ELSE '' END
  ) AS evidence
FROM ordered
WHERE place = 1
