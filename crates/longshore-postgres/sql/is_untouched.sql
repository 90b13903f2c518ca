-- Whether there is nothing but what migrating put there: two queues, as they were made. Locks: none.
SELECT NOT EXISTS (SELECT FROM job) AND NOT EXISTS (SELECT FROM host) AND NOT EXISTS (SELECT FROM worker)
    AND NOT EXISTS (SELECT FROM template) AND NOT EXISTS (SELECT FROM api_token)
    AND NOT EXISTS (SELECT FROM audit) AND NOT EXISTS (SELECT FROM webhook)
    AND (SELECT max(id) <= 2 AND max(epoch) = 1 FROM queue)
    AS is_untouched
