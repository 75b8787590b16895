-- Alerts that open on the day as OCSF Detection Finding (class 2004): one row per published revision, and one per
-- review. The first revision is a Create, later ones are Updates of the same finding; merged, withdrawn and reviewed
-- alerts are a Close. Baseline and evidence are those of the current revision; earlier revisions have only what the
-- ledger kept. Findings of one case have the same correlation_uid; a closed alert is in none.
-- Reads: revisions, ledger, reviews, shown, largest_names, scales, case_alerts, evidences.
WITH forms AS (
  SELECT
    r.alert_id, r.revision, r.published_at, r.state, r."user", r.first_window_start, r.last_window_end,
    r.files, r.sized_files, r.bytes, r.suppressed_count,
    last_value(r.name IGNORE NULLS) OVER earlier AS name,
    last_value(r.severity IGNORE NULLS) OVER earlier AS severity,
    last_value(r.sentence IGNORE NULLS) OVER earlier AS sentence,
    first_value(r.published_at) OVER earlier AS created_at,
    l.reason
  FROM revisions r
  LEFT JOIN ledger l ON l.alert_id = r.alert_id AND l.revision = r.revision
  WINDOW earlier AS (PARTITION BY r.alert_id ORDER BY r.revision)
),
reviewed AS (
  SELECT
    f.* EXCLUDE (reason, published_at),
    v.review, v.verdict, v.note, v.reviewed_by, v.reviewed_at,
    row_number() OVER (PARTITION BY v.review ORDER BY f.revision DESC) AS place
  FROM reviews v
  JOIN forms f
    ON f.alert_id = v.alert_id
    AND (f.revision = v.revision OR (v.revision IS NULL AND f.published_at <= v.reviewed_at))
),
records AS (
  SELECT
    alert_id, revision, published_at AS occurred_at, "user", first_window_start, last_window_end,
    files, sized_files, bytes, suppressed_count, name, severity, sentence, created_at,
    CASE WHEN state IN ('merged', 'withdrawn') THEN 3 WHEN revision = 1 THEN 1 ELSE 2 END AS activity,
    CASE WHEN state = 'open' THEN 1 WHEN state = 'folded' THEN 3 ELSE 4 END AS status,
    CASE WHEN state <> 'open' THEN concat_ws(': ', state, reason) END AS detail,
    concat(alert_id, ':', revision) AS uid,
    CAST(NULL AS VARCHAR) AS verdict, CAST(NULL AS VARCHAR) AS note, CAST(NULL AS VARCHAR) AS reviewed_by,
    state
  FROM forms
  UNION ALL
  SELECT
    alert_id, revision, reviewed_at AS occurred_at, "user", first_window_start, last_window_end,
    files, sized_files, bytes, suppressed_count, name, severity, sentence, created_at,
    CASE WHEN verdict = 'withdrawn' THEN 2 ELSE 3 END AS activity,
    CASE WHEN verdict = 'withdrawn' THEN 1 ELSE 4 END AS status,
    CASE WHEN verdict = 'withdrawn' THEN 'reopened' ELSE concat('reviewed: ', verdict) END AS detail,
    concat(alert_id, ':review:', review) AS uid,
    verdict, note, reviewed_by,
    'reviewed' AS state
  FROM reviewed
  WHERE place = 1
),
-- A long scale compares its sum without the largest day, as the sums behind its baseline are.
scaled AS (
  SELECT
    s.*,
    CASE WHEN c.days IS NULL THEN concat($window_hours, 'h') ELSE concat(c.days, 'd') END AS length,
    CASE WHEN c.days IS NULL THEN concat($window_hours, 'h') ELSE concat(c.days, 'd_without_largest_day') END AS compared,
    coalesce(s.peak_period_start, s.peak_window_start) AS starts,
    coalesce(s.peak_window_end, s.peak_window_start + $window_hours * INTERVAL 1 HOUR) AS ends
  FROM shown s
  LEFT JOIN scales c ON c.scope = s.scope
)
SELECT
  t.activity AS activity_id,
  CASE t.activity WHEN 1 THEN 'Create' WHEN 2 THEN 'Update' ELSE 'Close' END AS activity_name,
  2 AS category_uid,
  'Findings' AS category_name,
  2004 AS class_uid,
  'Detection Finding' AS class_name,
  200400 + t.activity AS type_uid,
  concat('Detection Finding: ', CASE t.activity WHEN 1 THEN 'Create' WHEN 2 THEN 'Update' ELSE 'Close' END) AS type_name,
  epoch_us(t.first_window_start) // 1000 AS time,
  epoch_us(t.first_window_start) // 1000 AS start_time,
  epoch_us(t.last_window_end) // 1000 AS end_time,
  coalesce(list_position($severities, t.severity), 1) AS severity_id,
  t.severity,
  t.status AS status_id,
  CASE t.status WHEN 1 THEN 'New' WHEN 3 THEN 'Suppressed' ELSE 'Resolved' END AS status,
  t.detail AS status_detail,
  t.note AS comment,
  t.suppressed_count + 1 AS count,
  CASE s.confidence WHEN 'low' THEN 1 END AS confidence_id,
  t.sentence AS message,
  {
    'version': '1.8.0',
    'product': {'name': 'uploadwatch', 'vendor_name': 'uploadwatch'},
    'uid': t.uid,
    'correlation_uid': c.case_id,
    'logged_time': epoch_us(t.occurred_at) // 1000,
    'sequence': t.revision
  } AS metadata,
  {
    'uid': t.alert_id,
    'title': t.name,
    'desc': $rule_description,
    'types': [$rule_kind],
    'created_time': epoch_us(t.created_at) // 1000,
    'modified_time': epoch_us(t.occurred_at) // 1000,
    'first_seen_time': epoch_us(t.first_window_start) // 1000,
    'last_seen_time': epoch_us(t.last_window_end) // 1000,
    'data_sources': list_transform(s.providers, lambda p: concat(p, ' audit log')),
    'analytic': {
      'name': $rule_name, 'uid': $rule_id, 'type_id': 3, 'type': 'Statistical',
      'version': s.rules
    },
    'attacks': $attacks,
    'tags': [{'name': 'attack_mapping_source', 'value': 'uploadwatch'}],
    'traits': list_transform(s.reasons, lambda r: {'name': r.name, 'category': r.strength, 'values': [r.evidence]}),
    'related_events': e.related_events,
    'related_events_count': t.files,
    'src_url': replace($page, '{}', t.alert_id)
  } AS finding_info,
  CASE
    WHEN s.peak_files IS NOT NULL
      THEN [
        {
          'analysis_targets': [{'name': t."user", 'type': 'User'}],
          'anomalies': list_transform(
            list_filter(
              [
                {'parameter': concat('files_uploaded_', s.length), 'value': CAST(s.peak_files AS VARCHAR)},
                {'parameter': concat('bytes_uploaded_', s.length), 'value': CAST(s.peak_bytes AS VARCHAR)},
                {'parameter': concat('files_uploaded_', s.compared), 'value': CAST(s.peak_files - s.peak_largest_files AS VARCHAR)},
                {'parameter': concat('bytes_uploaded_', s.compared), 'value': CAST(s.peak_bytes - s.peak_largest_bytes AS VARCHAR)}
              ],
              lambda o: o.value IS NOT NULL
            ),
            lambda o: {
              'observation_parameter': o.parameter,
              'observation_type': 'Volume Analysis',
              'observed_pattern': 'SURGE',
              'observations': [
                {
                  'value': o.value,
                  'timespan': {
                    'start_time': epoch_us(s.starts) // 1000,
                    'end_time': epoch_us(s.ends) // 1000,
                    'duration_hours': date_diff('hour', s.starts, s.ends),
                    'type_id': 4,
                    'type': 'Hours'
                  }
                }
              ]
            }
          ),
          'baselines': list_transform(
            list_filter(
              [
                {'parameter': concat('files_uploaded_', s.compared, '_min'), 'value': CAST(s.baseline_files_min AS VARCHAR), 'windows': s.baseline_files_windows},
                {'parameter': concat('files_uploaded_', s.compared, '_mean'), 'value': CAST(round(s.baseline_files_sum / s.baseline_files_windows, 1) AS VARCHAR), 'windows': s.baseline_files_windows},
                {'parameter': concat('files_uploaded_', s.compared, '_max'), 'value': CAST(s.baseline_files_max AS VARCHAR), 'windows': s.baseline_files_windows},
                {'parameter': concat('bytes_uploaded_', s.compared, '_min'), 'value': CAST(s.baseline_bytes_min AS VARCHAR), 'windows': s.baseline_bytes_windows},
                {'parameter': concat('bytes_uploaded_', s.compared, '_mean'), 'value': CAST(round(s.baseline_bytes_sum / s.baseline_bytes_windows, 1) AS VARCHAR), 'windows': s.baseline_bytes_windows},
                {'parameter': concat('bytes_uploaded_', s.compared, '_max'), 'value': CAST(s.baseline_bytes_max AS VARCHAR), 'windows': s.baseline_bytes_windows}
              ],
              lambda o: o.value IS NOT NULL AND o.windows > 0
            ),
            lambda o: {
              'observation_parameter': o.parameter,
              'observation_type': 'Volume Analysis',
              'observed_pattern': 'NORMAL_VOLUME',
              'observations': [{'value': o.value, 'count': o.windows}]
            }
          )
        }
      ]
  END AS anomaly_analyses,
  e.evidences,
  list_transform(s.providers, lambda p: {'uid': p, 'name': p, 'type': 'SaaS service'}) AS resources,
  {
    'user': t."user",
    'users': s.users,
    'cause': s.cause,
    'largest_by_score': l.largest_by_score,
    'largest_by_files': l.largest_by_files,
    'largest_by_bytes': l.largest_by_bytes,
    'population': s.population,
    'scope': s.scope,
    'period_start': epoch_us(s.period_start) // 1000,
    'largest_day_files': s.peak_largest_files,
    'largest_day_bytes': s.peak_largest_bytes,
    'files': t.files,
    'sized_files': t.sized_files,
    'bytes': t.bytes,
    'saves': s.saves,
    'estimated_files': s.estimated_files,
    'estimated_bytes': s.estimated_bytes,
    'metric': s.metric,
    'score': s.score,
    'threshold': s.threshold,
    'one_in': s.one_in,
    'verdict': t.verdict,
    'reviewed_by': t.reviewed_by
  } AS unmapped
FROM records t
LEFT JOIN scaled s ON s.alert_id = t.alert_id AND s.revision = t.revision AND t.state = 'open'
LEFT JOIN largest_names l ON l.alert_id = s.alert_id
LEFT JOIN case_alerts c ON c.alert_id = t.alert_id
LEFT JOIN evidences e ON e.alert_id = s.alert_id
WHERE CAST(t.first_window_start AS DATE) = $day
ORDER BY t.first_window_start, t.alert_id, t.occurred_at, t.uid
