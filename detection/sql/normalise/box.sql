-- Meaning of each Box event: one row per event, with the columns that events.sql reads.
-- Reads: raw, operations (what each operation means).
WITH named AS (
    SELECT
        raw.*,
        operations.meaning,
        operations.subject,
        coalesce(item_type, source_type) AS item,
        lower(actor_login) AS login,
        -- The ITEM_ names come from the stream of one user; they mean the same.
        coalesce(size, CASE WHEN raw.operation LIKE 'ITEM\_%' ESCAPE '\' THEN source_size END) AS size_text
    FROM raw
    LEFT JOIN operations ON raw.operation = operations.operation
),

decided AS (
    SELECT
        *,
        CASE
            WHEN meaning IN ('copy', 'irrelevant') THEN NULL
            WHEN meaning NOT IN ('upload', 'edit') OR item = 'file' THEN meaning
            -- If the type is missing, a size or a version shows that it is a file.
            WHEN item IS NULL AND coalesce(size_text, version_id) IS NOT NULL THEN meaning
        END AS kind,
        -- A failed sign-in may have no actor name, and the user of a warning need not have acted.
        subject = 'target' AND source_type = 'user' AND coalesce(source_login, source_id) IS NOT NULL AS about_source,
        subject = 'target' AND meaning = 'provider_alert' AND coalesce(actor_id, '2') = '2'
            AND coalesce(source_type, '') <> 'user' AND owner_id IS NOT NULL AS about_owner,
        subject = 'alert' AND coalesce(alert_user_email, alert_user_id) IS NOT NULL AS about_alert
    FROM named
)

SELECT
    event,
    unreadable,
    is_object,
    by_text,
    file,
    CAST(NULL AS DATE) AS publication_day,
    event_id,
    0 AS asset,
    TRUE AS counted,
    time_text,
    operation,
    kind,
    CASE
        WHEN meaning IN ('upload', 'edit') AND kind IS NULL AND item IS NULL
            THEN 'does not tell whether it is about a file'
    END AS fault,
    perhaps_text AND kind IN ('upload', 'edit', 'provider_alert')
        AND coalesce(size_text, version_id, service_name, alert) IS NULL AS doubtful,
    meaning,
    CASE WHEN meaning IN ('upload', 'edit') AND kind IS NULL THEN 'not a file' END AS ignored_because,
    CASE
        WHEN about_alert THEN alert_user_id
        WHEN about_source THEN source_id
        WHEN about_owner THEN owner_id
        ELSE actor_id
    END AS user_id,
    CASE
        WHEN about_alert THEN lower(alert_user_email)
        WHEN about_source THEN lower(source_login)
        WHEN about_owner THEN lower(owner_login)
        ELSE login
    END AS email,
    CASE
        WHEN about_alert OR about_owner THEN NULL
        WHEN about_source THEN source_name
        ELSE actor_name
    END AS display_name,
    CAST(NULL AS VARCHAR) AS second_id,
    -- Only the id shows that an account is nobody's: users choose their names.
    CASE
        WHEN about_alert OR about_source OR about_owner THEN 'person'
        WHEN actor_id = '2' THEN 'anonymous'
        WHEN login LIKE '%@boxdevedition.com' THEN 'service'
        ELSE 'person'
    END AS actor_class,
    TRUE AS guest_by_domain,
    coalesce(item_id, source_file_id, CASE WHEN source_type = 'file' THEN source_id END) AS file_id,
    version_id AS version,
    coalesce(item_name, source_file_name, CASE WHEN source_type = 'file' THEN source_name END) AS file_name,
    CAST(NULL AS VARCHAR) AS extension_text,
    parent_name AS folder,
    owner_login AS owner,
    classification AS label,
    CAST(NULL AS VARCHAR) AS visibility,
    size_text,
    service_name AS app,
    service_id AS app_id,
    CAST(NULL AS VARCHAR) AS user_agent,
    ip_text,
    CAST(NULL AS VARCHAR) AS country_text,
    CASE
        WHEN operation = 'SHIELD_ALERT' THEN concat('Box Shield: ', coalesce(alert_rule, 'alert'))
        WHEN operation = 'EDIT_USER' THEN 'account changed by an administrator'
        WHEN meaning = 'share' THEN concat('shared with ', shared_with)
        WHEN meaning IN ('provider_alert', 'credentials_changed') THEN lower(replace(operation, '_', ' '))
    END AS detail,
    alert_id,
    shared_with,
    -- Files are looked up on behalf of an account, by its id.
    actor_id AS asker,
    owner_id AS owner_asker,
    CAST(NULL AS VARCHAR) AS site_id,
    CAST(NULL AS VARCHAR) AS list_id,
    parent_id AS folder_id
FROM decided
