-- Who is told of changes, over HTTP, and what became of each delivery.

CREATE TABLE webhook (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    url text NOT NULL,
    states jsonb NOT NULL DEFAULT '[]', -- none: those of ends
    queue text,                         -- null for every queue
    key text NOT NULL,
    enabled boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- One row, once the feed was read for webhooks: up to where.
CREATE TABLE webhook_cursor (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    cursor text NOT NULL
);

CREATE TABLE delivery (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    webhook_id bigint NOT NULL,
    job_id bigint NOT NULL,
    at timestamptz NOT NULL,
    next_at timestamptz,                -- null once it has ended
    ended_at timestamptz,
    tries integer NOT NULL DEFAULT 0,
    status integer,
    job_state job_state NOT NULL,
    is_delivered boolean NOT NULL DEFAULT false,
    problem text,
    CHECK ((next_at IS NULL) = (ended_at IS NOT NULL))
);
-- For each webhook what is due of it: what a disabled one has waiting is in nobody's way.
CREATE INDEX delivery_due ON delivery (webhook_id, next_at) WHERE next_at IS NOT NULL;
CREATE INDEX delivery_webhook ON delivery (webhook_id, id);
CREATE INDEX delivery_job ON delivery (job_id, id);
-- For taking away what is old.
CREATE INDEX delivery_ended ON delivery (ended_at) WHERE ended_at IS NOT NULL;

-- As in V23, and: no webhook changes, and nothing is sent; what was not noted yet becomes deliveries.
CREATE OR REPLACE FUNCTION closed_tables() RETURNS TABLE (name text, events text) LANGUAGE sql IMMUTABLE AS $$
    VALUES ('queue', 'INSERT OR UPDATE OR DELETE'), ('template', 'INSERT OR UPDATE OR DELETE'),
           ('worker', 'INSERT'), ('host', 'INSERT'), ('audit', 'INSERT'),
           ('api_token', 'INSERT OR UPDATE OF revoked_at'), ('webhook', 'INSERT OR UPDATE OR DELETE'),
           ('delivery', 'UPDATE'), ('job', 'INSERT OR UPDATE OR DELETE'),
           ('lease', 'INSERT OR UPDATE OR DELETE'), ('settled', 'INSERT OR UPDATE OR DELETE'),
           ('scheduled', 'INSERT OR UPDATE OR DELETE'), ('ready', 'INSERT OR UPDATE OR DELETE')
$$;
