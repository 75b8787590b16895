-- The alerts that open on the day, one flat row each, for a spreadsheet: lists joined by a plus sign.
-- Reads: shown, largest_names.
SELECT
  s.alert_id, revision, name, severity, "user", users, cause, largest_by_score, largest_by_files, largest_by_bytes, array_to_string(providers, '+') AS providers,
  first_window_start, period_start, last_window_end, files, sized_files, bytes, saves, estimated_files, estimated_bytes,
  population, scope, metric, score, threshold, one_in, confidence,
  baseline_files_windows, baseline_files_min, baseline_files_max,
  baseline_bytes_windows, baseline_bytes_min, baseline_bytes_max,
  suppressed_count, last_suppressed_at,
  array_to_string(list_transform(reasons, lambda r: concat(r.name, ': ', r.evidence)), ' + ') AS reasons,
  sentence, verdict, reviewed_by, review_note, case_id, outgrown_verdict, outgrown_revision,
  replace($page, '{}', s.alert_id) AS page
FROM shown s
LEFT JOIN largest_names l ON l.alert_id = s.alert_id
WHERE CAST(first_window_start AS DATE) = $day
ORDER BY first_window_start, "user"
