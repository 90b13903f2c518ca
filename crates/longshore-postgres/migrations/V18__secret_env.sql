-- Jobs may say whose values are shown to nobody. The rest of check_spec is as it was in V12.

-- Checks every field of a job and returns the job as it is stored (key and hold still in it).
CREATE OR REPLACE FUNCTION check_spec(p_spec jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    spec jsonb;
    field text;
    item record;
    value jsonb;
BEGIN
    IF jsonb_typeof(p_spec) IS DISTINCT FROM 'object' THEN
        PERFORM refuse('', 'must be an object such as {"command": ["echo", "hello"]}');
    END IF;
    -- Names first: a slip is a slip whatever the field holds.
    PERFORM check_fields('', p_spec, '{name,description,submitted_by,labels,image,command,entrypoint,env,
        secret_env,env_templates,working_directory,user,mounts,networks,devices,privileged,memory,cpus,pids_limit,run_timeout,
        queue_timeout,no_output_timeout,stop_grace,queue,priority,scheduled_for,max_retries,
        retry_strategy,retry_exit_codes,pull,idempotency_key,hold}');
    -- Null stands for absent, in a job's own fields.
    SELECT coalesce(jsonb_object_agg(t.key, t.value), '{}') INTO spec
    FROM jsonb_each(p_spec) AS t WHERE t.value <> 'null';

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
                PERFORM refuse('labels.' || left(item.key, 100), 'a label''s key must be 1 to 63 letters, digits or '
                    '. _ / -, a letter or digit first');
            ELSIF char_length(item.value) > 256 THEN
                PERFORM refuse('labels.' || left(item.key, 100), 'must have at most 256 characters');
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
                PERFORM refuse('env.' || key_shown(item.key),
                    'a variable''s name must not be empty or hold ''='' or spaces');
            END IF;
        END LOOP;
    END IF;
    IF spec ? 'secret_env' THEN
        PERFORM check_list('secret_env', spec -> 'secret_env', 4096);
        FOR item IN SELECT t.value, t.ord
                    FROM jsonb_array_elements(spec -> 'secret_env') WITH ORDINALITY AS t(value, ord) LOOP
            IF jsonb_typeof(item.value) <> 'string' THEN
                PERFORM refuse(format('secret_env[%s]', item.ord - 1), 'must be a text');
            ELSIF item.value #>> '{}' = '' OR item.value #>> '{}' ~ '[=\u0009-\u000d\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]' THEN
                PERFORM refuse(format('secret_env[%s]', item.ord - 1),
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
    IF spec ? 'devices' THEN
        spec := spec || jsonb_build_object('devices', check_devices(spec -> 'devices'));
    END IF;
    IF spec ? 'privileged' AND jsonb_typeof(spec -> 'privileged') <> 'boolean' THEN
        PERFORM refuse('privileged', 'must be true or false');
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
    FOREACH field IN ARRAY '{labels,command,entrypoint,env,secret_env,env_templates,mounts,networks,devices}'::text[] LOOP
        IF spec -> field IN ('{}', '[]') THEN
            spec := spec - field;
        END IF;
    END LOOP;
    IF spec -> 'privileged' = 'false' THEN
        spec := spec - 'privileged';
    END IF;
    IF octet_length((spec - 'hold')::text) > 262144 AND compact_bytes(spec - 'hold') > 262144 THEN
        PERFORM refuse('', format('is %s bytes of JSON; at most 262144 are allowed: mount large input, '
            'or fetch it in the job', compact_bytes(spec - 'hold')));
    END IF;
    RETURN spec;
END $$;
