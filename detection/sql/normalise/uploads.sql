-- The uploads of the day, each once, with what the log alone tells, and what a look-up of the size needs.
SELECT
    provider,
    event_key,
    asset,
    time,
    user_id,
    "user",
    actor_class,
    kind,
    operation,
    file_id,
    version,
    file_name,
    extension,
    folder,
    owner,
    label,
    visibility,
    bytes,
    app,
    ip,
    country,
    asker,
    site_id,
    list_id,
    folder_id
FROM events
WHERE reason IS NULL AND brings_content
