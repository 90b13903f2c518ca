-- A person's word that a host is gone for good. By primary key.
UPDATE host SET forgotten_at = coalesce(forgotten_at, :now) WHERE id = :host
