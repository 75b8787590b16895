-- What each Dropbox event is about: one row for each file of an upload, one row for any other event.
WITH numbered AS (
    -- Dropbox gives no id. Events that are alike to the byte in one pull are several events; alike in two pulls
    -- they are one, delivered twice: so the number within the file is part of the key.
    SELECT
        *,
        sha256(canonical) AS digest,
        row_number() OVER (PARTITION BY file, sha256(canonical)) AS ordinal
    FROM raw
),

named AS (
    SELECT
        *,
        CASE
            WHEN operation IN (
                'file_add', 'file_add_from_automation', 'file_request_receive_file', 'email_ingest_receive_file'
            ) THEN 'upload'
            WHEN operation = 'file_edit' THEN 'edit'
            WHEN operation IN ('file_download', 'shared_content_download', 'shared_link_download') THEN 'download'
            WHEN operation IN ('file_delete', 'file_permanently_delete') THEN 'delete'
            WHEN operation = 'login_success' THEN 'sign_in'
            WHEN operation IN ('login_fail', 'sso_error') THEN 'sign_in_failed'
            WHEN operation = 'account_lock_or_unlocked' AND new_value = 'locked' THEN 'sign_in_failed'
            WHEN operation IN (
                'sign_in_as_session_start', 'reseller_support_session_start',
                'guest_admin_signed_in_via_trusted_teams'
            ) THEN 'admin_impersonation'
            WHEN operation IN ('device_link_success', 'dropbox_passwords_new_device_enrolled') THEN 'new_device'
            WHEN operation IN ('password_change', 'password_reset', 'password_reset_all') THEN 'password_reset'
            WHEN operation = 'tfa_reset' THEN 'mfa_disabled'
            WHEN operation = 'tfa_change_status' AND new_value = 'disabled' THEN 'mfa_disabled'
            WHEN operation IN (
                'admin_alerting_triggered_alert', 'ransomware_alert_create_report',
                'ransomware_restore_process_started'
            ) THEN 'provider_alert'
            WHEN operation IN (
                'shared_link_create', 'file_transfers_transfer_send', 'file_transfers_file_add'
            ) THEN 'share_external'
            WHEN
                operation IN ('shared_link_change_visibility', 'shared_link_settings_change_audience')
                AND new_value = 'public'
                THEN 'share_external'
            WHEN
                operation IN (
                    'shared_content_add_member', 'shared_content_add_invitees', 'shared_folder_create',
                    'shared_folder_transfer_ownership'
                )
                AND with_outsiders = 'true'
                THEN 'share_external'
        END AS kind,
        -- The account concerned, where that is not the one that acted.
        operation IN (
            'login_fail', 'sso_error', 'account_lock_or_unlocked', 'sign_in_as_session_start',
            'reseller_support_session_start', 'guest_admin_signed_in_via_trusted_teams', 'password_reset',
            'tfa_reset', 'admin_alerting_triggered_alert'
        ) AND coalesce(context_email, context_member_id, context_account_id) IS NOT NULL AS about_context
    FROM numbered
),

attributed AS (
    SELECT
        *,
        -- The user who acted, else the member in whose name an app or an unnamed actor did.
        CASE
            WHEN about_context OR actor_tag IS NULL OR actor_tag = 'app' THEN context_tag
            WHEN actor_tag = 'user' THEN user_tag
            WHEN actor_tag = 'admin' THEN admin_tag
        END AS member_tag,
        CASE
            WHEN about_context OR actor_tag IS NULL OR actor_tag = 'app'
                THEN coalesce(context_member_id, context_account_id)
            WHEN actor_tag = 'user' THEN coalesce(user_member_id, user_account_id)
            WHEN actor_tag = 'admin' THEN coalesce(admin_member_id, admin_account_id)
        END AS member_id,
        CASE
            WHEN about_context OR actor_tag IS NULL OR actor_tag = 'app' THEN context_email
            WHEN actor_tag = 'user' THEN user_email
            WHEN actor_tag = 'admin' THEN admin_email
            WHEN actor_tag = 'reseller' THEN reseller_email
        END AS email,
        list_filter(assets, lambda a: a IS NOT NULL AND coalesce(a['.tag'], 'file') = 'file') AS file_assets
    FROM named
),

filed AS (
    SELECT
        *,
        -- An event whose assets are folders only has no file to count: a folder's totals are those of its tree.
        CASE
            WHEN kind IN ('upload', 'edit') THEN
                CASE
                    WHEN length(file_assets) > 0 THEN list_transform(
                        list_filter(
                            range(length(assets)),
                            lambda i: assets[i + 1] IS NOT NULL AND coalesce(assets[i + 1]['.tag'], 'file') = 'file'
                        ),
                        lambda i: struct_pack(
                            n := i,
                            file_id := assets[i + 1].file_id,
                            file_name := assets[i + 1].display_name,
                            path := coalesce(
                                assets[i + 1].path.contextual, assets[i + 1].path.namespace_relative.relative_path
                            ),
                            size_text := assets[i + 1].file_size
                        )
                    )
                    WHEN length(coalesce(submitted_names, attached_names)) > 0 THEN list_transform(
                        range(length(coalesce(submitted_names, attached_names))),
                        lambda i: struct_pack(
                            n := i,
                            file_id := CAST(NULL AS VARCHAR),
                            file_name := coalesce(submitted_names, attached_names)[i + 1],
                            path := CAST(NULL AS VARCHAR),
                            size_text := CAST(NULL AS VARCHAR)
                        )
                    )
                END
        END AS files,
        length(assets) > 0 AND length(file_assets) = 0 AND length(coalesce(submitted_names, attached_names, [])) = 0
            AS folders_only
    FROM attributed
),

listed AS (
    SELECT
        * EXCLUDE (files),
        coalesce(
            files,
            [
                struct_pack(
                    n := CAST(0 AS BIGINT),
                    file_id := assets[1].file_id,
                    file_name := assets[1].display_name,
                    path := CAST(NULL AS VARCHAR),
                    size_text := CAST(NULL AS VARCHAR)
                )
            ]
        ) AS files
    FROM filed
)

SELECT
    event,
    unreadable,
    is_object,
    by_text,
    file,
    CAST(NULL AS DATE) AS publication_day,
    concat(digest, '-', ordinal) AS event_id,
    CAST(each_file.f.n AS INTEGER) AS asset,
    each_file.f.n = listed.files[1].n AS counted,
    time_text,
    operation,
    CASE WHEN kind NOT IN ('upload', 'edit') OR NOT coalesce(folders_only, FALSE) THEN kind END AS kind,
    CAST(NULL AS VARCHAR) AS fault,
    FALSE AS doubtful,
    CASE
        WHEN kind IN ('upload', 'edit') THEN 'folder only'
        WHEN operation IN (
            'file_copy', 'file_save_copy_reference', 'shared_content_copy', 'shared_link_copy', 'file_restore',
            'file_revert', 'file_rollback_changes', 'rewind_folder', 'file_move', 'file_rename'
        ) THEN 'copy on the server: no new bytes'
    END AS ignored_because,
    coalesce(member_id, app_id) AS user_id,
    email,
    CASE
        WHEN about_context AND member_tag = 'team_member' THEN 'person'
        WHEN about_context AND member_tag LIKE '%non_team_member' THEN 'guest'
        WHEN actor_tag = 'app' THEN 'app'
        WHEN actor_tag = 'dropbox' THEN 'system'
        WHEN actor_tag = 'anonymous' THEN 'anonymous'
        WHEN actor_tag = 'reseller' THEN 'guest'
        WHEN member_tag LIKE '%non_team_member' THEN 'guest'
        ELSE 'person'
    END AS actor_class,
    FALSE AS guest_by_domain,
    each_file.f.file_id AS file_id,
    CAST(NULL AS VARCHAR) AS version,
    each_file.f.file_name AS file_name,
    CAST(NULL AS VARCHAR) AS extension_text,
    regexp_extract(each_file.f.path, '^(.*)/[^/]*$', 1) AS folder,
    CAST(NULL AS VARCHAR) AS owner,
    each_file.f.size_text AS size_text,
    CASE
        WHEN actor_tag = 'app' THEN coalesce(app_name, app_id)
        WHEN operation = 'file_add_from_automation' THEN 'automation'
        WHEN operation = 'email_ingest_receive_file' THEN 'email'
        ELSE coalesce(end_user_method, access_method)
    END AS app,
    ip_text,
    country_text,
    CASE
        WHEN operation = 'admin_alerting_triggered_alert'
            THEN concat_ws(': ', 'Dropbox alert', nullif(alert_category, 'na'), alert_name)
        WHEN operation = 'account_lock_or_unlocked' THEN 'account locked'
        WHEN kind IN ('sign_in', 'sign_in_failed') THEN login_method
        WHEN kind = 'new_device' THEN device_name
        WHEN kind IN ('password_reset', 'mfa_disabled', 'provider_alert', 'share_external', 'admin_impersonation')
            THEN replace(operation, '_', ' ')
    END AS detail,
    CAST(NULL AS VARCHAR) AS shared_with,
    CAST(NULL AS VARCHAR) AS site_id,
    CAST(NULL AS VARCHAR) AS list_id
FROM listed
CROSS JOIN unnest(listed.files) AS each_file (f)
