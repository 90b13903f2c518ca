-- Whether this very attempt was finished under this very token. By primary key.
SELECT EXISTS (
    SELECT 1 FROM attempt WHERE job_id = :job AND attempt = :attempt AND token = :token
)
