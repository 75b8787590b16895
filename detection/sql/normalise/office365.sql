-- What each Office 365 audit record is about: one row a record.
WITH named AS (
    SELECT
        *,
        CASE
            WHEN operation IN ('FileUploaded', 'FileSyncUploadedFull', 'FileSyncUploadedPartial') THEN 'upload'
            WHEN operation IN ('FileModified', 'FileModifiedExtended') THEN 'edit'
            WHEN operation IN ('FileDownloaded', 'FileSyncDownloadedFull') THEN 'download'
            WHEN operation IN ('FileDeleted', 'FileRecycled') THEN 'delete'
            WHEN operation = 'UserLoggedIn' THEN 'sign_in'
            WHEN operation = 'UserLoginFailed' THEN 'sign_in_failed'
            -- The sign-ins of the years before tell success by a status.
            WHEN operation LIKE 'PasswordLogon%' AND login_status = '0' THEN 'sign_in'
            WHEN operation LIKE 'PasswordLogon%' THEN 'sign_in_failed'
            WHEN operation LIKE 'Disable Strong Authentication%' THEN 'mfa_disabled'
            WHEN operation LIKE 'Reset user password%' OR operation LIKE 'Change user password%'
                THEN 'password_reset'
            WHEN operation LIKE 'Add registered owner to device%' OR operation LIKE 'Register device%'
                THEN 'new_device'
            WHEN operation IN (
                'AlertTriggered', 'AlertEntityGenerated', 'FileMalwareDetected', 'UnmanagedSyncClientBlocked'
            ) THEN 'provider_alert'
            WHEN operation IN ('AnonymousLinkCreated', 'AnonymousLinkUpdated', 'SharingInvitationCreated')
                THEN 'share_external'
            WHEN
                operation IN ('SharingSet', 'AddedToSecureLink', 'AddedToGroup', 'SecureLinkCreated')
                AND target_type = 'Guest'
                THEN 'share_external'
        END AS meaning,
        CASE
            WHEN operation IN ('AlertTriggered', 'AlertEntityGenerated')
                THEN coalesce(alert_user, CASE WHEN entity_type = 'User' THEN entity_id END, user_login)
            WHEN
                operation LIKE 'Disable Strong Authentication%' OR operation LIKE 'Reset user password%'
                OR operation LIKE 'Change user password%'
                THEN coalesce(nullif(object_id, ''), user_login)
            ELSE user_login
        END AS subject
    FROM raw
),

told AS (
    SELECT
        *,
        lower(subject) AS login,
        CASE
            WHEN meaning NOT IN ('upload', 'edit') OR coalesce(item_type, 'File') = 'File' THEN meaning
        END AS kind,
        coalesce(nullif(client_ip, ''), actor_ip) AS ip_or_port
    FROM named
)

SELECT
    event,
    unreadable,
    is_object,
    by_text,
    file,
    raw_day AS publication_day,
    event_id,
    0 AS asset,
    TRUE AS counted,
    time_text,
    operation,
    kind,
    CAST(NULL AS VARCHAR) AS fault,
    FALSE AS doubtful,
    CASE
        WHEN meaning IN ('upload', 'edit') THEN 'not a file'
        WHEN operation IN ('FileCopied', 'FileRestored', 'FileMoved', 'FileRenamed', 'FileCheckedIn')
            THEN 'copy on the server: no new bytes'
    END AS ignored_because,
    CASE WHEN subject = user_login THEN coalesce(nullif(user_key, ''), nullif(user_login, '')) ELSE subject END
        AS user_id,
    CASE
        WHEN login LIKE 'urn:spo:guest#%' THEN split_part(login, '#', 2)
        -- A guest's address, with the last underscore for the sign: name_domain#ext#@tenant.
        WHEN login LIKE '%#ext#%'
            THEN regexp_replace(split_part(login, '#ext#', 1), '^(.*)_([^_]*)$', '\1@\2')
        WHEN login LIKE 'urn:%' OR login LIKE '%\%' ESCAPE '!' THEN NULL
        ELSE login
    END AS email,
    CAST(NULL AS VARCHAR) AS display_name,
    CAST(NULL AS VARCHAR) AS second_id,
    CASE
        WHEN login LIKE 'urn:spo:anon#%' THEN 'anonymous'
        WHEN login LIKE 'urn:spo:guest#%' OR login LIKE '%#ext#%' THEN 'guest'
        WHEN login IN ('sharepoint\system', 'microsoft\serviceoperator', 'securitycompliancealerts') THEN 'system'
        WHEN login = 'app@sharepoint' OR login LIKE 'serviceprincipal!_%' ESCAPE '!' THEN 'service'
        WHEN subject <> user_login THEN 'person'
        WHEN coalesce(login, '') IN ('', 'not available') THEN 'anonymous'
        WHEN user_type IN ('5', '6') THEN 'service'
        WHEN user_type IN ('3', '4', '7', '8') THEN 'system'
        WHEN user_type = '10' AND login LIKE '%_@_%' THEN 'guest'
        WHEN user_type = '10' THEN 'anonymous'
        ELSE 'person'
    END AS actor_class,
    FALSE AS guest_by_domain,
    item_id AS file_id,
    CAST(NULL AS VARCHAR) AS version,
    coalesce(
        nullif(item_name, ''), CASE WHEN item_id IS NOT NULL THEN regexp_extract(object_id, '([^/]+)$', 1) END
    ) AS file_name,
    item_extension AS extension_text,
    item_folder AS folder,
    regexp_extract(site_url, '/personal/([^/]+)', 1) AS owner,
    sensitivity_label AS label,
    CAST(NULL AS VARCHAR) AS visibility,
    coalesce(file_size, sync_size) AS size_text,
    coalesce(application_name, client_app_name) AS app,
    coalesce(nullif(application_id, ''), client_app_id) AS app_id,
    -- The Office web server saves from an address of Microsoft's own, which says nothing of the user.
    CASE WHEN user_agent = 'MSWAC' THEN NULL ELSE ip_or_port END AS ip_text,
    CAST(NULL AS VARCHAR) AS country_text,
    CASE
        WHEN operation IN ('AlertTriggered', 'AlertEntityGenerated')
            THEN concat_ws(': ', 'Microsoft alert', alert_name)
        WHEN kind = 'share_external' THEN concat_ws(' to ', operation, target_name)
        WHEN kind IN ('provider_alert', 'mfa_disabled', 'password_reset', 'new_device') THEN operation
    END AS detail,
    CAST(NULL AS VARCHAR) AS shared_with,
    -- Files are asked for in the application's own name, by site and list.
    CASE WHEN site_id <> '' AND list_id <> '' THEN '' END AS asker,
    CASE WHEN site_id <> '' AND list_id <> '' THEN '' END AS owner_asker,
    site_id,
    list_id,
    CAST(NULL AS VARCHAR) AS folder_id
FROM told
