-- What each Box event is about: one row an event, in the columns that events.sql reads.
WITH named AS (
    SELECT
        *,
        coalesce(item_type, source_type) AS item,
        lower(actor_login) AS login,
        coalesce(size, CASE WHEN operation LIKE 'ITEM\_%' ESCAPE '\' THEN source_size END)
            AS size_text,
        -- The ITEM_ names come from the stream of one user; they mean the same.
        CASE
            WHEN operation IN ('UPLOAD', 'ITEM_UPLOAD', 'ITEM_CREATE') THEN 'upload'
            WHEN operation = 'EDIT' THEN 'edit'
            WHEN operation IN ('DOWNLOAD', 'ITEM_DOWNLOAD', 'FILE_WATERMARKED_DOWNLOAD') THEN 'download'
            WHEN operation IN ('DELETE', 'ITEM_TRASH') THEN 'delete'
            WHEN operation = 'LOGIN' THEN 'sign_in'
            WHEN operation = 'FAILED_LOGIN' THEN 'sign_in_failed'
            WHEN operation = 'ADMIN_LOGIN' THEN 'admin_impersonation'
            WHEN operation IN ('ADD_LOGIN_ACTIVITY_DEVICE', 'ADD_DEVICE_ASSOCIATION') THEN 'new_device'
            WHEN operation = 'DISABLE_MULTI_FACTOR_AUTH' THEN 'mfa_disabled'
            WHEN operation IN (
                'ENABLE_MULTI_FACTOR_AUTH', 'ENABLE_TWO_FACTOR_AUTH', 'EMAIL_ALIAS_CONFIRM', 'EMAIL_ALIAS_REMOVE',
                'EMAIL_ALIAS_PRIMARY'
            ) THEN 'credentials_changed'
            -- Box has no password event; an administrator's change of the account is the nearest.
            WHEN operation = 'EDIT_USER' THEN 'password_reset'
            WHEN operation IN (
                'SHIELD_ALERT', 'FILE_MARKED_MALICIOUS', 'DEVICE_TRUST_CHECK_FAILED',
                'CONTENT_WORKFLOW_UPLOAD_POLICY_VIOLATION', 'CONTENT_WORKFLOW_ABNORMAL_DOWNLOAD_ACTIVITY'
            ) THEN 'provider_alert'
            WHEN operation IN (
                'SHARE', 'ITEM_SHARED', 'ITEM_SHARED_CREATE', 'ITEM_SHARED_UPDATE', 'SHARED_LINK_SEND'
            ) THEN 'share_external'
            WHEN operation IN ('COLLABORATION_INVITE', 'COLLABORATION_ACCEPT', 'COLLABORATION_ROLE_CHANGE')
                THEN 'share'
        END AS meaning
    FROM raw
),

judged AS (
    SELECT
        *,
        CASE
            WHEN meaning NOT IN ('upload', 'edit') OR item = 'file' THEN meaning
            -- Without a type, a size or a version can only be a file's.
            WHEN item IS NULL AND coalesce(size_text, version_id) IS NOT NULL THEN meaning
        END AS kind,
        -- Who fails to sign in may have no name as an actor.
        meaning IN (
            'sign_in_failed', 'admin_impersonation', 'mfa_disabled', 'credentials_changed', 'password_reset'
        )
            AND source_type = 'user' AND coalesce(source_login, source_id) IS NOT NULL AS about_source,
        operation = 'SHIELD_ALERT' AND coalesce(alert_user_email, alert_user_id) IS NOT NULL AS about_alert
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
    CASE
        WHEN meaning IN ('upload', 'edit') AND kind IS NULL THEN 'not a file'
        WHEN operation IN (
            'COPY', 'ITEM_COPY', 'UNDELETE', 'FILE_VERSION_RESTORE', 'MOVE', 'ITEM_MOVE',
            'ITEM_MAKE_CURRENT_VERSION', 'ITEM_UNDELETE_VIA_TRASH'
        ) THEN 'copy on the server: no new bytes'
    END AS ignored_because,
    CASE WHEN about_alert THEN alert_user_id WHEN about_source THEN source_id ELSE actor_id END AS user_id,
    CASE WHEN about_alert THEN lower(alert_user_email) WHEN about_source THEN lower(source_login) ELSE login END
        AS email,
    CASE WHEN about_alert THEN NULL WHEN about_source THEN source_name ELSE actor_name END AS display_name,
    CAST(NULL AS VARCHAR) AS second_id,
    CASE
        WHEN about_alert OR about_source THEN 'person'
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
    ip_text,
    CAST(NULL AS VARCHAR) AS country_text,
    CASE
        WHEN operation = 'SHIELD_ALERT' THEN concat('Box Shield: ', coalesce(alert_rule, 'alert'))
        WHEN operation = 'EDIT_USER' THEN 'account changed by an administrator'
        WHEN meaning = 'share' THEN concat('shared with ', shared_with)
        WHEN meaning IN ('provider_alert', 'credentials_changed') THEN lower(replace(operation, '_', ' '))
    END AS detail,
    shared_with,
    -- Files are asked for in the name of an account, by its id.
    actor_id AS asker,
    owner_id AS owner_asker,
    CAST(NULL AS VARCHAR) AS site_id,
    CAST(NULL AS VARCHAR) AS list_id,
    parent_id AS folder_id
FROM judged
