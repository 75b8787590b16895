-- other_alert: an earlier alert of the user with evidence beyond the detector: a person confirmed it, or the provider
-- raised an alert of its own around it. Provider alerts within the signs period of this alert are provider_alert.
-- Reads: spans, openings, user_activity, confirmed ("user", first_window_start: of alerts that a person confirmed).
WITH earlier AS (
  SELECT s.alert_id, s."user", s.signs_from, o.opening, o.closes
  FROM spans s
  JOIN openings o ON o."user" = s."user" AND o.opening < s.opens AND o.opening >= s.opens - INTERVAL 7 DAY
),
-- An alert's opening moves with late events, so an alert is the reviewed one if that opened before this one closes. A
-- confirmation counts even if the alert no longer exists.
said AS (
  SELECT e.alert_id, e.opening, 'confirmed' AS witness
  FROM earlier e
  JOIN confirmed c ON c."user" = e."user" AND c.first_window_start >= e.opening AND c.first_window_start < e.closes
  UNION ALL
  SELECT s.alert_id, c.first_window_start AS opening, 'confirmed' AS witness
  FROM spans s
  JOIN confirmed c
    ON c."user" = s."user"
    AND c.first_window_start >= s.opens - INTERVAL 7 DAY
    AND c.first_window_start <= s.opens - INTERVAL 1 DAY
  WHERE NOT EXISTS (
    SELECT 1
    FROM openings o
    WHERE o."user" = c."user" AND o.opening <= c.first_window_start AND o.closes > c.first_window_start
  )
  UNION ALL
  SELECT e.alert_id, e.opening, 'provider' AS witness
  FROM earlier e
  JOIN user_activity a
    ON a."user" = e."user"
    AND a.kind = 'provider_alert'
    AND a.time >= e.opening - $sign_period
    AND a.time < e.closes
    AND a.time < e.signs_from
),
counted AS (
  SELECT alert_id, opening, min(witness) AS witness
  FROM said
  GROUP BY alert_id, opening
)
SELECT
  alert_id,
  'other_alert' AS name,
  concat(
    count(*), CASE WHEN count(*) = 1 THEN ' alert' ELSE ' alerts' END, ' in the seven days before, ',
    count(CASE WHEN witness = 'confirmed' THEN 1 END), ' confirmed in review and ',
    count(CASE WHEN witness = 'provider' THEN 1 END), ' beside an alert of the provider''s, the last opened by ',
    'the window of ', strftime(max(opening), '%Y-%m-%d %H:%M'), ' UTC'
  ) AS evidence
FROM counted
GROUP BY alert_id
