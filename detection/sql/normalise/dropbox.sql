-- Meaning of each Dropbox event: one row for each file of an upload, one row for any other event.
-- Reads: raw, operations (what each operation means).
WITH decided AS (
    SELECT
        raw.*,
        operations.meaning,
        operations.subject,
        operations.otherwise,
        CASE operations.only_if
            WHEN 'locked' THEN coalesce(new_value = 'locked', FALSE)
            WHEN 'disabled' THEN coalesce(new_value = 'disabled', FALSE)
            WHEN 'public' THEN coalesce(new_value = 'public', FALSE)
            WHEN 'outsiders' THEN coalesce(with_outsiders = 'true', FALSE)
            ELSE TRUE
        END AS holds,
        coalesce(context_email, context_member_id, context_account_id) IS NOT NULL AS has_context,
        coalesce(actor_tag NOT IN ('user', 'admin', 'app', 'reseller', 'dropbox', 'anonymous'), FALSE) AS is_unknown_actor
    FROM raw
    LEFT JOIN operations ON raw.operation = operations.operation
),

named AS (
    SELECT
        * EXCLUDE (meaning),
        CASE WHEN holds THEN meaning ELSE otherwise END AS meaning,
        nullif(nullif(CASE WHEN holds THEN meaning ELSE otherwise END, 'irrelevant'), 'copy') AS kind,
        -- The account concerned, where that is not the actor.
        coalesce(subject IN ('context', 'concerned') AND has_context, FALSE) AS about_context,
        coalesce(subject = 'concerned' AND NOT has_context, FALSE) AS about_nobody,
        actor_tag IS NULL OR actor_tag = 'app' OR is_unknown_actor AS acts_for_context
    FROM decided
),

attributed AS (
    SELECT
        *,
        -- The user who acted, else the member on whose behalf an app, or an unnamed or unknown actor, did.
        CASE
            WHEN about_nobody THEN NULL
            WHEN about_context OR acts_for_context THEN context_tag
            WHEN actor_tag = 'user' THEN user_tag
            WHEN actor_tag = 'admin' THEN admin_tag
        END AS member_tag,
        CASE
            WHEN about_nobody THEN NULL
            WHEN about_context OR acts_for_context
                THEN coalesce(context_member_id, context_account_id)
            WHEN actor_tag = 'user' THEN coalesce(user_member_id, user_account_id)
            WHEN actor_tag = 'admin' THEN coalesce(admin_member_id, admin_account_id)
        END AS member_id,
        CASE
            WHEN about_nobody THEN NULL
            WHEN about_context OR acts_for_context THEN context_account_id
            WHEN actor_tag = 'user' THEN user_account_id
            WHEN actor_tag = 'admin' THEN admin_account_id
        END AS account_id,
        CASE
            WHEN about_nobody THEN NULL
            WHEN about_context OR acts_for_context THEN context_email
            WHEN actor_tag = 'user' THEN user_email
            WHEN actor_tag = 'admin' THEN admin_email
            WHEN actor_tag = 'reseller' THEN reseller_email
        END AS email,
        kind IN ('upload', 'edit') AS is_upload
    FROM named
),

indexed AS (
    SELECT
        *,
        list_transform(
            assets,
            lambda a, i: struct_pack(
                n := i,
                tag := CASE WHEN a IS NOT NULL THEN coalesce(a['.tag'], 'file') END,
                file_id := a.file_id,
                file_name := a.display_name,
                path := coalesce(a.path.contextual, a.path.namespace_relative.relative_path),
                size_text := a.file_size
            )
        ) AS asset_files,
        list_transform(
            CASE WHEN is_upload THEN coalesce(submitted_names, attached_names) END,
            lambda a, i: struct_pack(
                n := i,
                tag := 'file',
                file_id := CAST(NULL AS VARCHAR),
                file_name := a,
                path := CAST(NULL AS VARCHAR),
                size_text := CAST(NULL AS VARCHAR)
            )
        ) AS named_files
    FROM attributed
),

-- A folder's totals are those of its tree, so an event with only folders has no file to count.
filed AS (
    SELECT
        *,
        CASE WHEN is_upload THEN list_filter(asset_files, lambda f: f.tag = 'file') END AS upload_files
    FROM indexed
),

listed AS (
    SELECT
        *,
        CASE
            WHEN length(upload_files) > 0 THEN upload_files
            WHEN length(named_files) > 0 THEN named_files
            WHEN length(asset_files) > 0 THEN asset_files[1:1]
            ELSE [
                struct_pack(
                    n := CAST(NULL AS BIGINT),
                    tag := CAST(NULL AS VARCHAR),
                    file_id := CAST(NULL AS VARCHAR),
                    file_name := CAST(NULL AS VARCHAR),
                    path := CAST(NULL AS VARCHAR),
                    size_text := CAST(NULL AS VARCHAR)
                )
            ]
        END AS files,
        is_upload AND length(asset_files) > 0 AND length(upload_files) = 0 AND coalesce(length(named_files), 0) = 0
            AS folders_only
    FROM filed
),

spread AS (
    SELECT *, unnest(files) AS each_file FROM listed
),

placed AS (
    SELECT
        *,
        CASE
            WHEN each_file.path LIKE '%/%'
                THEN left(each_file.path, length(each_file.path) - length(split_part(each_file.path, '/', -1)) - 1)
        END AS parent
    FROM spread
)

SELECT
    event,
    unreadable,
    is_object,
    by_text,
    file,
    CAST(NULL AS DATE) AS publication_day,
    CASE WHEN is_object THEN sha256(canonical) END AS event_id,
    CAST(coalesce(each_file.n - coalesce(asset_files[1].n, named_files[1].n), 0) AS INTEGER) AS asset,
    each_file.n IS NULL OR each_file.n = files[1].n AS counted,
    time_text,
    operation,
    CASE WHEN kind NOT IN ('upload', 'edit') OR NOT coalesce(folders_only, FALSE) THEN kind END AS kind,
    CASE
        WHEN is_unknown_actor AND kind IS NOT NULL AND NOT has_context AND NOT about_nobody
            THEN 'an actor of an unknown kind, without an id'
    END AS fault,
    -- Only the text shows an object in place of the list of files.
    kind IN ('upload', 'edit') AND assets IS NULL AS doubtful,
    meaning,
    CASE WHEN kind IN ('upload', 'edit') THEN 'folder only' END AS ignored_because,
    coalesce(member_id, CASE WHEN NOT about_nobody THEN app_id END) AS user_id,
    lower(email) AS email,
    CAST(NULL AS VARCHAR) AS display_name,
    -- A team member has a member id and an account id, and an event may have either or both.
    CASE WHEN member_id IS NOT NULL AND account_id <> member_id THEN account_id END AS second_id,
    CASE
        WHEN about_nobody THEN 'system'
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
    each_file.file_id AS file_id,
    CAST(NULL AS VARCHAR) AS version,
    each_file.file_name AS file_name,
    CAST(NULL AS VARCHAR) AS extension_text,
    parent AS folder,
    CAST(NULL AS VARCHAR) AS owner,
    CAST(NULL AS VARCHAR) AS label,
    CAST(NULL AS VARCHAR) AS visibility,
    each_file.size_text AS size_text,
    CASE
        WHEN actor_tag = 'app' THEN coalesce(app_name, app_id)
        WHEN operation = 'file_add_from_automation' THEN 'automation'
        WHEN operation = 'email_ingest_receive_file' THEN 'email'
        ELSE coalesce(end_user_method, access_method)
    END AS app,
    CASE WHEN actor_tag = 'app' THEN app_id END AS app_id,
    CAST(NULL AS VARCHAR) AS user_agent,
    ip_text,
    country_text,
    CASE
        WHEN operation = 'admin_alerting_triggered_alert'
            THEN concat_ws(': ', 'Dropbox alert', nullif(alert_category, 'na'), alert_name)
        WHEN operation = 'account_lock_or_unlocked' THEN 'account locked'
        WHEN kind IN ('sign_in', 'sign_in_failed') THEN login_method
        WHEN kind = 'new_device' THEN device_name
        WHEN kind IN (
            'password_reset', 'mfa_disabled', 'credentials_changed', 'provider_alert', 'share_external',
            'admin_impersonation'
        ) THEN replace(operation, '_', ' ')
    END AS detail,
    alert_instance AS alert_id,
    CAST(NULL AS VARCHAR) AS shared_with,
    -- Files are looked up on behalf of a team member.
    CASE WHEN member_id LIKE 'dbmid:%' THEN member_id END AS asker,
    CAST(NULL AS VARCHAR) AS owner_asker,
    CAST(NULL AS VARCHAR) AS site_id,
    CAST(NULL AS VARCHAR) AS list_id,
    parent AS folder_id
FROM placed
