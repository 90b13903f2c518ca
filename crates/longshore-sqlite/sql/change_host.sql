-- Changes what people say of a host. By primary key.
UPDATE host SET enabled = :enabled, labels = :labels, weight = :weight, slots = :slots,
    memory_bytes = :memory_bytes, millicpus = :millicpus
WHERE id = :host
