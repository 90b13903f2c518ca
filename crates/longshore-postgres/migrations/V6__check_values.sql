-- What each kind of value in a job may be, for check_spec. Each function fails (22023) with an error that
-- names the field, and returns the value as it is stored where that differs from what was written.
-- longshore_core::spec holds to the same; one table of cases, in longshore-testkit, tests both.

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
            '^([0-9]{4})-(0[1-9]|1[0-2])-([0-9][0-9])[Tt ]([01][0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9]|60)(?:[.,]([0-9]{1,9}))?)?'
            '(?:[Zz]|([+-])([01][0-9]|2[0-5])(?::?([0-5][0-9]))?)$');
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
