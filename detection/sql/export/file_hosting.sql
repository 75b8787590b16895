-- Uploads as OCSF File Hosting Activity (class 6006): a column for each attribute, ordered by time.
-- Reads: uploads. Unknown values are NULL, and omitted from the JSON. An address that does not match the schema's own
-- pattern is put into no field of that type; a pseudonym of an IP address becomes the endpoint's uid.
WITH read AS (
  SELECT
    *,
    CASE WHEN kind = 'edit' THEN 3 ELSE 1 END AS activity,
    CASE
      WHEN regexp_matches(ip, '^((25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])[.]){3}(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])$') THEN ip
      WHEN regexp_matches(ip, '^([0-9a-f]{1,4}:){7}[0-9a-f]{1,4}$') THEN ip
      WHEN
        regexp_matches(ip, '^([0-9a-f]{1,4}(:[0-9a-f]{1,4})*)?::([0-9a-f]{1,4}(:[0-9a-f]{1,4})*)?$')
        AND length(ip) - length(replace(ip, ':', '')) <= 7
        THEN ip
    END AS address,
    CASE WHEN starts_with(ip, 'pn_') THEN ip END AS address_token
  FROM uploads
)
SELECT
  activity AS activity_id,
  CASE WHEN activity = 3 THEN 'Update' ELSE 'Upload' END AS activity_name,
  6 AS category_uid,
  'Application Activity' AS category_name,
  6006 AS class_uid,
  'File Hosting Activity' AS class_name,
  600600 + activity AS type_uid,
  concat('File Hosting Activity: ', CASE WHEN activity = 3 THEN 'Update' ELSE 'Upload' END) AS type_name,
  epoch_us(time) // 1000 AS time,
  1 AS severity_id,
  'Informational' AS severity,
  1 AS status_id,
  'Success' AS status,
  {
    'version': '1.8.0',
    'product': {'name': 'uploadwatch', 'vendor_name': 'uploadwatch'},
    'uid': concat(provider, ':', event_key, ':', asset),
    'original_event_uid': event_key,
    'event_code': operation,
    'log_name': concat(provider, ' audit log'),
    'log_provider': provider
  } AS metadata,
  {
    'user': {
      'name': "user",
      'uid': user_id,
      'email_addr': CASE
        WHEN regexp_matches("user", '^[a-z0-9!#%&''*+,./=?^_`{|}~-]+@[a-z0-9-]+[.][a-z0-9.-]+$') THEN "user"
      END,
      'type_id': CASE
        WHEN actor_class IN ('person', 'guest') THEN 1
        WHEN actor_class = 'system' THEN 3
        WHEN actor_class IN ('service', 'app') THEN 4
        ELSE 0
      END,
      'type': CASE
        WHEN actor_class IN ('person', 'guest') THEN 'User'
        WHEN actor_class = 'system' THEN 'System'
        WHEN actor_class IN ('service', 'app') THEN 'Service'
        ELSE 'Unknown'
      END
    },
    'app_name': app
  } AS actor,
  {
    'ip': address,
    'uid': address_token,
    'svc_name': CASE WHEN address IS NULL AND address_token IS NULL THEN coalesce(app, provider) END,
    'location': CASE WHEN country IS NOT NULL THEN {'country': country} END
  } AS src_endpoint,
  {
    'name': coalesce(file_name, file_id, ''),
    'type_id': 1,
    'type': 'Regular File',
    'uid': file_id,
    'version': version,
    'ext': nullif(extension, ''),
    'size': bytes,
    'parent_folder': folder,
    'owner': CASE WHEN owner IS NOT NULL THEN {'name': owner} END
  } AS file,
  {
    'actor_class': actor_class,
    'size_source': size_source,
    'estimated_bytes': estimated_bytes
  } AS unmapped
FROM read
ORDER BY time, provider, event_key, asset
