-- longshore.submit(jsonb): any language enqueues inside its own transaction.
--
-- It refuses what longshore_core::spec refuses, with an error (22023) that names the field, and stores
-- what Rust would store: durations in seconds, sizes in bytes, nulls and empty lists left out. One
-- table of cases, in longshore-testkit, tests both.
--
-- These work at every isolation level, because the transaction is the caller's; insert_jobs says why
-- they can.

-- Fails with what is wrong with a field; an empty field means the job as a whole.
CREATE FUNCTION refuse(p_field text, p_problem text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', CASE p_field WHEN '' THEN 'the job ' ELSE p_field || ': ' END || p_problem
        USING ERRCODE = '22023', DETAIL = coalesce(current_setting('longshore.submitting', true), '');
END $$;

-- A text without control characters.
CREATE FUNCTION check_text(p_field text, p_value jsonb, p_max integer) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    value text := p_value #>> '{}';
BEGIN
    IF jsonb_typeof(p_value) IS DISTINCT FROM 'string' OR char_length(value) NOT BETWEEN 1 AND p_max
       OR value ~ '[\u0001-\u001f\u007f]' THEN
        PERFORM refuse(p_field, format(
            'must have 1 to %s characters, none of them a control character', p_max));
    END IF;
    RETURN value;
END $$;

-- The name of a queue or a template.
CREATE FUNCTION check_name(p_field text, p_value jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF jsonb_typeof(p_value) <> 'string' OR p_value #>> '{}' !~ '^[a-z0-9][a-z0-9._-]{0,62}$' THEN
        PERFORM refuse(p_field, format('%s is not a name: 1 to 63 lower-case letters, digits or '
            '. _ -, a letter or digit first', left(p_value::text, 100)));
    END IF;
END $$;

CREATE FUNCTION check_absolute(p_field text, p_value jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF jsonb_typeof(p_value) IS DISTINCT FROM 'string' OR left(p_value #>> '{}', 1) <> '/'
       OR octet_length(p_value #>> '{}') > 4096 THEN
        PERFORM refuse(p_field, 'must be an absolute path (it starts with /) of at most 4096 bytes');
    END IF;
END $$;

-- A whole number within bounds.
CREATE FUNCTION check_whole(p_field text, p_value jsonb, p_min numeric, p_max numeric) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF jsonb_typeof(p_value) <> 'number' OR p_value::text !~ '^-?[0-9]+$'
       OR p_value::numeric NOT BETWEEN p_min AND p_max THEN
        PERFORM refuse(p_field, format('must be a whole number from %s to %s', p_min, p_max));
    END IF;
END $$;

-- A list with a bounded number of items.
CREATE FUNCTION check_list(p_field text, p_value jsonb, p_max integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF jsonb_typeof(p_value) <> 'array' THEN
        PERFORM refuse(p_field, 'must be a list');
    ELSIF jsonb_array_length(p_value) > p_max THEN
        PERFORM refuse(p_field, format('must have at most %s items', p_max));
    END IF;
END $$;

CREATE FUNCTION check_texts(p_field text, p_value jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    item record;
BEGIN
    PERFORM check_list(p_field, p_value, 4096);
    FOR item IN SELECT value, ord FROM jsonb_array_elements(p_value) WITH ORDINALITY AS t(value, ord) LOOP
        IF jsonb_typeof(item.value) <> 'string' THEN
            PERFORM refuse(format('%s[%s]', p_field, item.ord - 1), 'must be a text');
        END IF;
    END LOOP;
END $$;

-- An object whose values are texts.
CREATE FUNCTION check_text_map(p_field text, p_value jsonb, p_max integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    item record;
BEGIN
    IF jsonb_typeof(p_value) <> 'object' THEN
        PERFORM refuse(p_field, 'must be an object of texts');
    ELSIF (SELECT count(*) FROM jsonb_object_keys(p_value)) > p_max THEN
        PERFORM refuse(p_field, format('must have at most %s items', p_max));
    END IF;
    FOR item IN SELECT key, value FROM jsonb_each(p_value) LOOP
        IF jsonb_typeof(item.value) <> 'string' THEN
            PERFORM refuse(format('%s.%s', p_field, item.key), 'must be a text');
        END IF;
    END LOOP;
END $$;

CREATE FUNCTION check_fields(p_inside text, p_value jsonb, p_known text[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    unknown text;
BEGIN
    SELECT min(key) INTO unknown FROM jsonb_object_keys(p_value) AS key WHERE key <> ALL (p_known);
    IF unknown IS NOT NULL THEN
        PERFORM refuse(p_inside || left(unknown, 100), 'is not a field of a job; known: '
            || array_to_string(p_known, ', '));
    END IF;
END $$;

CREATE FUNCTION check_one_of(p_field text, p_value jsonb, p_words text[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF jsonb_typeof(p_value) IS DISTINCT FROM 'string' OR p_value #>> '{}' <> ALL (p_words) THEN
        PERFORM refuse(p_field, 'must be one of ' || array_to_string(p_words, ', '));
    END IF;
END $$;

-- A duration, in seconds: 90, "90", "90s", "1h30m", "250ms"; "none" where p_none says so.
CREATE FUNCTION check_duration(p_field text, p_value jsonb, p_none boolean, p_zero boolean)
RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    written text := p_value #>> '{}';
    seconds numeric;
BEGIN
    IF jsonb_typeof(p_value) = 'number' THEN
        -- Compared before it is rounded: a number may have hundreds of digits.
        seconds := CASE WHEN written::numeric <= 316224000 THEN round(written::numeric, 3) END;
    ELSIF jsonb_typeof(p_value) = 'string' THEN
        IF written = 'none' AND p_none THEN
            RETURN p_value;
        ELSIF written ~ '^[0-9]{1,20}$' THEN
            seconds := written::numeric;
        ELSIF written ~ '^([0-9]{1,20}(ms|s|m|h|d)){1,100}$' THEN
            SELECT CASE WHEN max(part[1]::numeric) <= 4294967295 THEN sum(part[1]::numeric *
                CASE part[2] WHEN 'ms' THEN 0.001 WHEN 's' THEN 1 WHEN 'm' THEN 60
                             WHEN 'h' THEN 3600 WHEN 'd' THEN 86400 END) END
            INTO seconds FROM regexp_matches(written, '([0-9]+)(ms|s|m|h|d)', 'g') AS part;
        END IF;
    END IF;
    IF seconds IS NULL OR seconds NOT BETWEEN 0 AND 316224000 THEN
        PERFORM refuse(p_field, format('%s is not a duration: write seconds (90) or a text such as '
            '"90s", "1h30m" or "250ms", at most 3660 days', left(p_value::text, 100)));
    ELSIF seconds = 0 AND NOT p_zero THEN
        PERFORM refuse(p_field, 'must be more than 0; "none" means no bound');
    END IF;
    RETURN to_jsonb(trim_scale(seconds));
END $$;

-- A size, in bytes: 536870912, "512m", "2GiB".
CREATE FUNCTION check_memory(p_value jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    written text := lower(p_value #>> '{}');
    bytes numeric;
BEGIN
    IF jsonb_typeof(p_value) = 'number' AND written ~ '^[0-9]{1,20}$' THEN
        bytes := written::numeric;
    ELSIF jsonb_typeof(p_value) = 'string' AND written ~ '^[0-9]{1,20}(b|[kmgt](i?b)?)?$' THEN
        bytes := substring(written FROM '^[0-9]+')::numeric * 1024::numeric ^
            (position(coalesce(substring(written FROM '[kmgt]'), 'b') IN 'bkmgt') - 1);
    END IF;
    IF bytes IS NULL OR bytes > 9223372036854775807 THEN
        PERFORM refuse('memory', format('%s is not a size: write bytes (536870912) or a text such as '
            '"512m" or "2g"', left(p_value::text, 100)));
    ELSIF bytes < 1 THEN
        PERFORM refuse('memory', 'must be at least 1 byte');
    END IF;
    RETURN to_jsonb(trunc(bytes));
END $$;

-- A moment with an offset from UTC (RFC 3339), in UTC and to the nanosecond as it was written.
CREATE FUNCTION check_moment(p_field text, p_value jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    part text[];
    month date;
    moment timestamp;
    fraction text;
BEGIN
    IF jsonb_typeof(p_value) = 'string' THEN
        part := regexp_match(p_value #>> '{}',
            '^(\d{4})-(0[1-9]|1[0-2])-(\d\d)[Tt ]([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d|60)(?:[.,](\d{1,9}))?)?'
            '(?:[Zz]|([+-])([01]\d|2[0-5])(?::?([0-5]\d))?)$');
    END IF;
    IF part[1] > '0000' THEN
        month := make_date(part[1]::integer, part[2]::integer, 1);
        IF part[3]::integer BETWEEN 1 AND extract(day FROM month + interval '1 month - 1 day') THEN
            moment := month + (part[3]::integer - 1) * interval '1 day'
                + make_interval(hours => part[4]::integer, mins => part[5]::integer,
                                secs => least(coalesce(part[6], '0')::integer, 59))
                - CASE part[8] WHEN '-' THEN -1 ELSE 1 END
                    * make_interval(hours => coalesce(part[9], '0')::integer,
                                    mins => coalesce(part[10], '0')::integer);
        END IF;
    END IF;
    IF moment IS NULL OR moment NOT BETWEEN '0001-01-01' AND '9999-12-30' THEN
        PERFORM refuse(p_field, 'must be a time such as "2030-01-31T18:00:00Z" or '
            '"2030-01-31T19:00:00+01:00"');
    END IF;
    fraction := rtrim(coalesce(part[7], ''), '0');
    RETURN to_jsonb(to_char(moment, 'YYYY-MM-DD"T"HH24:MI:SS')
        || CASE fraction WHEN '' THEN '' ELSE '.' || fraction END || 'Z');
END $$;

CREATE FUNCTION check_mounts(p_value jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    item record;
    path text;
    mount jsonb;
    checked jsonb := '[]';
BEGIN
    PERFORM check_list('mounts', p_value, 4096);
    FOR item IN SELECT value, ord FROM jsonb_array_elements(p_value) WITH ORDINALITY AS t(value, ord) LOOP
        path := format('mounts[%s]', item.ord - 1);
        mount := item.value;
        IF jsonb_typeof(mount) <> 'object' THEN
            PERFORM refuse(path, 'must be an object with type and target');
        END IF;
        PERFORM check_fields('mounts.', mount, '{type,source,target,read_only}');
        PERFORM check_one_of(path || '.type', mount -> 'type', '{bind,volume,tmpfs}');
        PERFORM check_absolute(path || '.target', mount -> 'target');
        IF mount -> 'source' = 'null' THEN
            mount := mount - 'source';
        END IF;
        IF mount ? 'read_only' AND jsonb_typeof(mount -> 'read_only') <> 'boolean' THEN
            PERFORM refuse(path || '.read_only', 'must be true or false');
        ELSIF mount -> 'read_only' = 'false' THEN
            mount := mount - 'read_only';
        END IF;
        IF mount ->> 'type' = 'tmpfs' THEN
            IF mount ? 'source' THEN
                PERFORM refuse(path || '.source', 'a tmpfs has no source');
            END IF;
        ELSIF NOT mount ? 'source' THEN
            PERFORM refuse(path || '.source', 'is needed for a bind or a volume');
        ELSIF mount ->> 'type' = 'bind' THEN
            PERFORM check_absolute(path || '.source', mount -> 'source');
        ELSE
            PERFORM check_text(path || '.source', mount -> 'source', 200);
        END IF;
        checked := checked || jsonb_build_array(mount);
    END LOOP;
    RETURN checked;
END $$;

CREATE FUNCTION check_networks(p_value jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    item record;
    alias record;
    path text;
    network jsonb;
    checked jsonb := '[]';
BEGIN
    PERFORM check_list('networks', p_value, 4096);
    FOR item IN SELECT value, ord FROM jsonb_array_elements(p_value) WITH ORDINALITY AS t(value, ord) LOOP
        path := format('networks[%s]', item.ord - 1);
        network := item.value;
        IF jsonb_typeof(network) <> 'object' THEN
            PERFORM refuse(path, 'must be an object with a name');
        END IF;
        PERFORM check_fields('networks.', network, '{name,aliases}');
        PERFORM check_text(path || '.name', network -> 'name', 200);
        IF network ? 'aliases' THEN
            IF jsonb_typeof(network -> 'aliases') <> 'array' THEN
                PERFORM refuse(path || '.aliases', 'must be a list');
            END IF;
            FOR alias IN SELECT value, ord FROM jsonb_array_elements(network -> 'aliases')
                             WITH ORDINALITY AS t(value, ord) LOOP
                PERFORM check_text(format('%s.aliases[%s]', path, alias.ord - 1), alias.value, 200);
            END LOOP;
            IF network -> 'aliases' = '[]' THEN
                network := network - 'aliases';
            END IF;
        END IF;
        checked := checked || jsonb_build_array(network);
    END LOOP;
    RETURN checked;
END $$;

-- Bytes of a value written without spaces, as Rust counts them.
CREATE FUNCTION compact_bytes(p_value jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    -- An empty object or list counts its brackets; each item its comma, but for the first.
    CASE jsonb_typeof(p_value)
        WHEN 'object' THEN
            RETURN (SELECT 2 + coalesce(sum(octet_length(to_jsonb(key)::text) + 1 + compact_bytes(value) + 1)
                                        - 1, 0) FROM jsonb_each(p_value));
        WHEN 'array' THEN
            RETURN (SELECT 2 + coalesce(sum(compact_bytes(value) + 1) - 1, 0)
                    FROM jsonb_array_elements(p_value) AS value);
        ELSE
            RETURN octet_length(p_value::text);
    END CASE;
END $$;

-- Checks every field of a job and returns the job as it is stored (key and hold still in it).
CREATE FUNCTION check_spec(p_spec jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    spec jsonb;
    field text;
    item record;
    value jsonb;
BEGIN
    IF jsonb_typeof(p_spec) IS DISTINCT FROM 'object' THEN
        PERFORM refuse('', 'must be an object such as {"command": ["echo", "hello"]}');
    END IF;
    -- Null stands for absent, in a job's own fields.
    SELECT coalesce(jsonb_object_agg(t.key, t.value), '{}') INTO spec
    FROM jsonb_each(p_spec) AS t WHERE t.value <> 'null';
    PERFORM check_fields('', spec, '{name,description,submitted_by,labels,image,command,entrypoint,env,
        env_templates,working_directory,user,mounts,networks,memory,cpus,pids_limit,run_timeout,
        queue_timeout,no_output_timeout,stop_grace,queue,priority,scheduled_for,max_retries,
        retry_strategy,retry_exit_codes,pull,idempotency_key,hold}');

    FOREACH field IN ARRAY '{name,submitted_by,idempotency_key}'::text[] LOOP
        IF spec ? field THEN
            PERFORM check_text(field, spec -> field, 200);
        END IF;
    END LOOP;
    value := spec -> 'description';
    IF value IS NOT NULL AND (jsonb_typeof(value) <> 'string' OR char_length(value #>> '{}') > 4096) THEN
        PERFORM refuse('description', 'must be a text of at most 4096 characters');
    END IF;
    IF spec ? 'labels' THEN
        PERFORM check_text_map('labels', spec -> 'labels', 64);
        FOR item IN SELECT t.key, t.value FROM jsonb_each_text(spec -> 'labels') AS t LOOP
            IF item.key !~ '^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$' THEN
                PERFORM refuse('labels.' || item.key, 'a label''s key must be 1 to 63 letters, digits or '
                    '. _ / -, a letter or digit first');
            ELSIF char_length(item.value) > 256 THEN
                PERFORM refuse('labels.' || item.key, 'must have at most 256 characters');
            END IF;
        END LOOP;
    END IF;

    value := spec -> 'image';
    -- Control characters, and what Unicode calls white space.
    IF value IS NOT NULL AND (jsonb_typeof(value) <> 'string'
           OR char_length(value #>> '{}') NOT BETWEEN 1 AND 512 OR value #>> '{}' ~
           '[\u0001-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]') THEN
        PERFORM refuse('image', 'must be 1 to 512 characters without spaces');
    END IF;
    FOREACH field IN ARRAY '{command,entrypoint}'::text[] LOOP
        IF spec ? field THEN
            PERFORM check_texts(field, spec -> field);
        END IF;
    END LOOP;
    value := coalesce(spec -> 'entrypoint', '[]') || coalesce(spec -> 'command', '[]');
    IF NOT spec ? 'image' AND value = '[]' THEN
        PERFORM refuse('', 'needs an image, or a command to run on the host');
    ELSIF NOT spec ? 'image' AND value ->> 0 = '' THEN
        PERFORM refuse('command', 'the program''s name must not be empty');
    END IF;

    IF spec ? 'env' THEN
        PERFORM check_text_map('env', spec -> 'env', 4096);
        FOR item IN SELECT key FROM jsonb_object_keys(spec -> 'env') AS key LOOP
            IF item.key = '' OR item.key ~ '[=\u0009-\u000d\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]' THEN
                PERFORM refuse('env.' || item.key,
                    'a variable''s name must not be empty or hold ''='' or spaces');
            END IF;
        END LOOP;
    END IF;
    IF spec ? 'env_templates' THEN
        PERFORM check_list('env_templates', spec -> 'env_templates', 4096);
        FOR item IN SELECT t.value, t.ord
                    FROM jsonb_array_elements(spec -> 'env_templates') WITH ORDINALITY AS t(value, ord) LOOP
            PERFORM check_name(format('env_templates[%s]', item.ord - 1), item.value);
        END LOOP;
    END IF;
    IF spec ? 'working_directory' THEN
        PERFORM check_absolute('working_directory', spec -> 'working_directory');
    END IF;
    value := spec -> 'user';
    IF value IS NOT NULL AND (jsonb_typeof(value) <> 'string' OR value #>> '{}' !~
           '^[A-Za-z0-9._-]{1,100}(:[A-Za-z0-9._-]{1,100})?$') THEN
        PERFORM refuse('user', 'must be user, uid, user:group or uid:gid');
    END IF;
    IF spec ? 'mounts' THEN
        spec := spec || jsonb_build_object('mounts', check_mounts(spec -> 'mounts'));
    END IF;
    IF spec ? 'networks' THEN
        spec := spec || jsonb_build_object('networks', check_networks(spec -> 'networks'));
    END IF;

    IF spec ? 'memory' THEN
        spec := spec || jsonb_build_object('memory', check_memory(spec -> 'memory'));
    END IF;
    value := spec -> 'cpus';
    IF value IS NOT NULL THEN
        -- Below 1e-300 a double is zero or nearly so.
        IF jsonb_typeof(value) <> 'number' OR value::numeric NOT BETWEEN 1e-300 AND 4096 THEN
            PERFORM refuse('cpus', 'must be more than 0 and at most 4096');
        END IF;
        spec := spec || jsonb_build_object('cpus', (value #>> '{}')::double precision);
    END IF;
    IF spec ? 'pids_limit' THEN
        PERFORM check_whole('pids_limit', spec -> 'pids_limit', 1, 4294967295);
    END IF;
    FOREACH field IN ARRAY '{run_timeout,queue_timeout,no_output_timeout}'::text[] LOOP
        IF spec ? field THEN
            spec := spec || jsonb_build_object(field, check_duration(field, spec -> field, true, false));
        END IF;
    END LOOP;
    IF spec ? 'stop_grace' THEN
        spec := spec
            || jsonb_build_object('stop_grace', check_duration('stop_grace', spec -> 'stop_grace', false, true));
    END IF;
    IF spec ? 'queue' THEN
        PERFORM check_name('queue', spec -> 'queue');
    END IF;
    IF spec ? 'priority' THEN
        PERFORM check_whole('priority', spec -> 'priority', 0, 100);
    ELSE
        spec := spec || '{"priority": 50}';
    END IF;
    IF spec ? 'scheduled_for' THEN
        spec := spec
            || jsonb_build_object('scheduled_for', check_moment('scheduled_for', spec -> 'scheduled_for'));
    END IF;
    IF spec ? 'max_retries' THEN
        PERFORM check_whole('max_retries', spec -> 'max_retries', 0, 100);
    END IF;
    IF spec ? 'retry_strategy' THEN
        PERFORM check_one_of('retry_strategy', spec -> 'retry_strategy',
                             '{default,aggressive,conservative,high_priority}');
    END IF;
    value := spec -> 'retry_exit_codes';
    IF value IS NOT NULL AND value <> '"any"' THEN
        IF jsonb_typeof(value) <> 'array' OR jsonb_array_length(value) > 255 THEN
            PERFORM refuse('retry_exit_codes', 'must be "any" or a list of exit codes from 1 to 255');
        END IF;
        FOR item IN SELECT t.code FROM jsonb_array_elements(value) AS t(code) LOOP
            PERFORM check_whole('retry_exit_codes', item.code, 1, 255);
        END LOOP;
    END IF;
    IF spec ? 'pull' THEN
        PERFORM check_one_of('pull', spec -> 'pull', '{missing,always,never}');
    END IF;
    IF spec ? 'hold' AND jsonb_typeof(spec -> 'hold') <> 'boolean' THEN
        PERFORM refuse('hold', 'must be true or false');
    END IF;

    -- What is empty is left out, as Rust leaves it out.
    FOREACH field IN ARRAY '{labels,command,entrypoint,env,env_templates,mounts,networks}'::text[] LOOP
        IF spec -> field IN ('{}', '[]') THEN
            spec := spec - field;
        END IF;
    END LOOP;
    IF octet_length((spec - 'hold')::text) > 262144 AND compact_bytes(spec - 'hold') > 262144 THEN
        PERFORM refuse('', format('is %s bytes of JSON; at most 262144 are allowed: mount large input, '
            'or fetch it in the job', compact_bytes(spec - 'hold')));
    END IF;
    RETURN spec;
END $$;

-- Submits jobs, a list of them: all or none. Returns their ids, in the order of the list. A key that
-- was used for the same job answers with the first; for another, everything is refused (23505).
CREATE FUNCTION submit_many(jobs jsonb) RETURNS SETOF bigint LANGUAGE plpgsql
SECURITY DEFINER SET search_path = longshore, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    given record;
    spec jsonb;
    queue_name text;
    queue_id integer;
    queue_ids integer[] := '{}';
    priorities smallint[] := '{}';
    keys text[] := '{}';
    labels text[] := '{}';
    specs text[] := '{}';
    holds boolean[] := '{}';
    due_ats timestamptz[] := '{}';
    queue_timeouts double precision[] := '{}';
    made record;
    other record;
BEGIN
    IF jsonb_typeof(jobs) IS DISTINCT FROM 'array' THEN
        PERFORM refuse('jobs', 'must be a list of jobs');
    END IF;
    FOR given IN SELECT t.job, t.ord FROM jsonb_array_elements(jobs) WITH ORDINALITY AS t(job, ord) LOOP
        PERFORM set_config('longshore.submitting',
                           format('job %s of %s', given.ord, jsonb_array_length(jobs)), true);
        spec := check_spec(given.job);
        queue_name := coalesce(spec ->> 'queue', CASE WHEN spec ? 'image' THEN 'default' ELSE 'local' END);
        SELECT q.id INTO queue_id FROM queue AS q WHERE q.name = queue_name;
        IF NOT FOUND THEN
            PERFORM refuse('queue', format('there is no queue "%s"; known: %s', queue_name,
                (SELECT string_agg(q.name, ', ' ORDER BY q.name) FROM queue AS q)));
        END IF;
        queue_ids := queue_ids || queue_id;
        priorities := priorities || (spec ->> 'priority')::smallint;
        keys := keys || (spec ->> 'idempotency_key');
        labels := labels || (spec ->> 'labels');
        holds := holds || coalesce((spec ->> 'hold')::boolean, false);
        due_ats := due_ats || due_at_of(spec ->> 'scheduled_for');
        queue_timeouts := queue_timeouts
            || nullif(spec ->> 'queue_timeout', 'none')::double precision;
        specs := specs || (spec - '{idempotency_key,hold}'::text[])::text;
    END LOOP;
    IF cardinality(specs) = 0 THEN
        RETURN;
    END IF;

    SELECT * INTO made
    FROM insert_jobs(queue_ids, priorities, keys, labels, specs, holds, due_ats, queue_timeouts);
    FOR other IN
        SELECT t.key, t.id
        FROM unnest(keys, specs, made.job_ids, made.is_new) AS t(key, spec, id, is_new)
        JOIN job AS j ON j.id = t.id
        WHERE NOT t.is_new AND j.spec <> t.spec::jsonb
        LIMIT 1
    LOOP
        RAISE EXCEPTION 'idempotency key "%" was used for another spec, by job %: use a new key',
            other.key, other.id USING ERRCODE = '23505', DETAIL = 'idempotency_key_reused';
    END LOOP;
    -- Heard when the caller's transaction commits.
    PERFORM pg_notify('longshore', t.id::text) FROM (SELECT DISTINCT unnest(queue_ids) AS id) AS t;
    RETURN QUERY SELECT unnest(made.job_ids);
END $$;

-- When a job is due: nanoseconds are rounded up, so that it is never early.
CREATE FUNCTION due_at_of(p_moment text) RETURNS timestamptz LANGUAGE sql AS $$
    SELECT left(p_moment, 19)::timestamp AT TIME ZONE 'UTC'
        + ceil(coalesce(substring(p_moment FROM '\.\d+')::numeric, 0) * 1000000)::double precision
            * interval '1 microsecond'
$$;

-- Submits one job; returns its id.
CREATE FUNCTION submit(job jsonb) RETURNS bigint LANGUAGE sql
SECURITY DEFINER SET search_path = longshore, pg_temp AS $$
    SELECT submit_many(jsonb_build_array(job))
$$;

-- Nobody but those who are granted it (PostgresStore::grant_submit) may call anything here.
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA longshore FROM PUBLIC;
