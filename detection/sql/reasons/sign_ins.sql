-- failed_sign_ins_then_success: a password may have been guessed.
-- Reads: spans, user_activity. Several sign-in records in one second are one attempt.
WITH attempts AS (
  SELECT DISTINCT s.alert_id, s.signs_from, a.kind, a.provider, date_trunc('second', a.time) AS time
  FROM spans s
  JOIN user_activity a ON a."user" = s."user" AND a.time >= s.signs_from - INTERVAL 1 HOUR AND a.time < s.signs_to
  WHERE a.kind IN ('sign_in', 'sign_in_failed')
),
guessed AS (
  SELECT
    a.alert_id,
    a.time AS success,
    a.provider,
    count(*) AS failures,
    min(f.time) AS first_failure
  FROM attempts a
  JOIN attempts f
    ON f.alert_id = a.alert_id
    AND f.kind = 'sign_in_failed'
    AND f.time < a.time
    AND f.time >= a.time - INTERVAL 1 HOUR
  WHERE a.kind = 'sign_in' AND a.time >= a.signs_from
  GROUP BY a.alert_id, a.time, a.provider
  HAVING count(*) >= $failed_sign_ins
),
guessed_first AS (
  SELECT *, row_number() OVER (PARTITION BY alert_id ORDER BY failures DESC, success, provider) AS place
  FROM guessed
)
SELECT
  alert_id,
  'failed_sign_ins_then_success' AS name,
  concat(
    failures, ' failed sign-ins from ', strftime(first_failure, '%Y-%m-%d %H:%M'), ', then a success at ',
    strftime(success, '%Y-%m-%d %H:%M'), ' UTC (', provider, ')'
  ) AS evidence
FROM guessed_first
WHERE place = 1
