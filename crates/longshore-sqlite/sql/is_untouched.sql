-- Whether there is nothing but what migrating put there: two queues, as they were made.
SELECT NOT EXISTS (SELECT 1 FROM job) AND NOT EXISTS (SELECT 1 FROM host)
    AND NOT EXISTS (SELECT 1 FROM worker) AND NOT EXISTS (SELECT 1 FROM template)
    AND NOT EXISTS (SELECT 1 FROM api_token) AND NOT EXISTS (SELECT 1 FROM audit)
    AND NOT EXISTS (SELECT 1 FROM webhook)
    AND (SELECT max(id) <= 2 AND max(epoch) = 1 FROM queue)
