-- The periods of each alert. Signs count from $sign_period before its first window to the end of its last; the usual
-- days are the $training_days before. Nothing before $look_back counts, even if more history is available, so that an
-- alert does not depend on the range of the run that computes it.
-- Reads: folded_alerts.
SELECT
  alert_id,
  "user",
  actor_class,
  first_window_start AS opens,
  first_window_start - $sign_period AS signs_from,
  last_window_end AS signs_to,
  first_window_start - $sign_period - $training_days * INTERVAL 1 DAY AS usual_from,
  first_window_start - $sign_period - $look_back AS history_from
FROM folded_alerts
