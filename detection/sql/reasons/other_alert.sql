-- other_alert: another alert of the user opened in the seven days before.
-- Reads: spans, openings.
SELECT
  s.alert_id,
  'other_alert' AS name,
  concat(
    count(*), CASE WHEN count(*) = 1 THEN ' alert' ELSE ' alerts' END, ' in the seven days before, the last opened by ',
    'the window of ', strftime(max(o.opening), '%Y-%m-%d %H:%M'), ' UTC'
  ) AS evidence
FROM spans s
JOIN openings o ON o."user" = s."user" AND o.opening < s.opens AND o.opening >= s.opens - INTERVAL 7 DAY
GROUP BY s.alert_id
