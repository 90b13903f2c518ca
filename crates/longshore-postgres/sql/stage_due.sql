-- Moves up to $2 due jobs of queue $1 to its line; migrations/V2__acquire.sql says how.
SELECT stage($1, $2) AS staged
